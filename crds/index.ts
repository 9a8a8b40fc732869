/** The custom resources of Chatcells: names, generated types, condition types. */
import type {
  CellSpec,
  CellStatus,
  ChannelRingSpec,
  ChannelRingStatus,
  PracticeDrainSpec,
  PracticeDrainStatus,
  WorkspaceSpec,
  WorkspaceStatus,
} from './types.generated.ts';

export type {
  CellSpec,
  CellStatus,
  ChannelRingSpec,
  ChannelRingStatus,
  PracticeDrainSpec,
  PracticeDrainStatus,
  WorkspaceSpec,
  WorkspaceStatus,
};

export const API_GROUP = 'chatcells.dev';
export const API_VERSION = 'v1alpha1';

export const PLURALS = {
  Cell: 'cells',
  ChannelRing: 'channelrings',
  Workspace: 'workspaces',
  PracticeDrain: 'practicedrains',
} as const;
export type Kind = keyof typeof PLURALS;

export interface ObjectMeta {
  name: string;
  namespace: string;
  uid: string;
  resourceVersion: string;
  generation: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  finalizers?: string[];
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

interface Resource<K extends Kind, Spec, Status> {
  apiVersion: `${typeof API_GROUP}/${typeof API_VERSION}`;
  kind: K;
  metadata: ObjectMeta;
  spec: Spec;
  status?: Status;
}
export type Cell = Resource<'Cell', CellSpec, CellStatus>;
export type ChannelRing = Resource<'ChannelRing', ChannelRingSpec, ChannelRingStatus>;
export type Workspace = Resource<'Workspace', WorkspaceSpec, WorkspaceStatus>;
export type PracticeDrain = Resource<'PracticeDrain', PracticeDrainSpec, PracticeDrainStatus>;

export type Condition = NonNullable<CellStatus['conditions']>[number];

export const CONDITIONS = {
  Cell: [
    'Ready',
    'Progressing',
    'Degraded',
    'Draining',
    'Drained',
    'CapacityBlocked',
    'DrainOverdue',
    'GrayFailure',
    'GatewayFailure',
    'ConfigurationRefused',
  ],
  ChannelRing: ['Converged', 'Rebalancing', 'Degraded'],
  Workspace: ['Placed', 'Ready', 'Moving', 'RingOutsideCells', 'RequestsFail'],
  PracticeDrain: ['Ready', 'Running', 'LastRunSucceeded'],
} as const satisfies Record<Kind, readonly string[]>;

/** Labels on every object and Pod that the operator or the chart makes. */
export const LABELS = {
  name: 'app.kubernetes.io/name', // always "chatcells"
  component: 'app.kubernetes.io/component', // gateway | channel | api | edge | operator | controlplane
  managedBy: 'app.kubernetes.io/managed-by',
  cell: 'chatcells.dev/cell',
  zone: 'topology.kubernetes.io/zone',
  region: 'topology.kubernetes.io/region',
} as const;

export const ANNOTATIONS = {
  /** "disabled" stops reconciliation of the object that carries it. */
  reconcile: 'chatcells.dev/reconcile',
} as const;

export const FINALIZER = 'chatcells.dev/cleanup';
