/** What one node was sent, resource by resource, decoded for people. Pure. */
import { describeResource, TYPE_URLS } from '../contract/ads/resources.ts';
import { describeMessage } from './envoy/messages.ts';
import type { NodeInfo } from './node.ts';
import type { Session, SyncState } from './session.ts';
import type { Held } from './type-view.ts';
import { ENVOY, shortType } from './types.ts';

export interface NodeConfig {
  node: NodeInfo;
  version: string;
  types: {
    type: string;
    state: SyncState;
    lastError?: string;
    resources: ResourceConfig[];
  }[];
}

export interface ResourceConfig {
  name: string;
  /** Last sent to the node. */
  version: string;
  /** In force there; missing when it has accepted none. */
  ackedVersion?: string;
  /** The node's words, when it refused what it was sent. */
  refused?: string;
  /** What was sent. Missing when the node brought it from an earlier stream, or when it is none of the types known. */
  sent?: unknown;
  /** What is in force there, when that is something else. */
  inForce?: unknown;
}

export const nodeConfig = (node: NodeInfo, session: Session): NodeConfig => ({
  node,
  version: session.version,
  types: [...session.types].map(([type, { sent, acked, refused, lastError }]) => ({
    type: shortType(type),
    state: session.stateOf(type),
    ...(lastError === undefined ? {} : { lastError }),
    resources: [...sent]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, held]) =>
        resourceConfig(type, { name, sent: held, acked: acked.get(name), refused: refused.get(name) }),
      ),
  })),
});

interface Sent {
  name: string;
  sent: Held;
  acked: Held | undefined;
  refused: string | undefined;
}

function resourceConfig(type: string, { name, sent, acked, refused }: Sent): ResourceConfig {
  const differs = acked !== undefined && acked.version !== sent.version;
  return {
    name,
    version: sent.version,
    ...(acked === undefined ? {} : { ackedVersion: acked.version }),
    ...(refused === undefined ? {} : { refused }),
    ...(sent.bytes === undefined ? {} : { sent: describe(type, sent.bytes) }),
    ...(differs && acked.bytes !== undefined ? { inForce: describe(type, acked.bytes) } : {}),
  };
}

const ENVOYS: ReadonlySet<string> = new Set(Object.values(ENVOY));
const OURS: ReadonlySet<string> = new Set(Object.values(TYPE_URLS));

/** Only of the types named here, none of which holds a secret: what is added later is not shown by accident. */
function describe(type: string, bytes: Uint8Array): unknown {
  try {
    if (ENVOYS.has(type)) return describeMessage(type, bytes);
    return OURS.has(type) ? describeResource(type, bytes) : undefined;
  } catch (e: unknown) {
    // The very thing that a node refuses: the rest of the dump is wanted all the more.
    return { undecodable: e instanceof Error ? e.message : String(e) };
  }
}
