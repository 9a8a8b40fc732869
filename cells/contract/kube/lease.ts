/** The Lease by which operators agree who leads. */
import type { KubeObject } from './objects.ts';

export interface Lease extends KubeObject {
  spec: {
    holderIdentity?: string;
    /** How long after a renewal others wait. */
    leaseDurationSeconds?: number;
    acquireTime?: string;
    renewTime?: string;
    leaseTransitions?: number;
  };
}

export const OPERATOR_LEASE = 'chatcells-operator';

export const leaseRef = (namespace: string, name: string) =>
  ({ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name }) as const;
