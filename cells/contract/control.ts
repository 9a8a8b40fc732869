/**
 * What a dataplane process gets from the control plane. The ADS client implements it over delta xDS; `chatctl dev`
 * and the simulation implement it in memory.
 */
import type { WorkspaceId } from './ids.ts';

/** Owner and standby of one slot as last heard, from the control plane or from a channel server itself. */
export interface SlotRoute {
  ring: string;
  slot: number;
  epoch: number;
  owner: RouteMember | undefined;
  standby: RouteMember | undefined;
}
export interface RouteMember {
  incarnation: string;
  /** host:port of the link listener. */
  address: string;
  zone: string;
  cell: string;
}

/** A tenant. Public keys verify its tokens. */
export interface WorkspaceEntry {
  id: WorkspaceId;
  /** `<namespace>/<name>` of the Workspace object. */
  name: string;
  displayName: string;
  /** `<namespace>/<name>` of its ChannelRing. */
  ring: string;
  suspended: boolean;
  /** Ed25519 public keys as OKP JWK `x`. */
  keys: { kid: string; x: string }[];
  limits: { connections: number; postsPerSecond: number };
  /** metadata.generation: a lower one is ignored. */
  generation: number;
}

/**
 * Tells the gateways of a cell to keep at most `keepPercent` of the sockets that they had when the drain began, and some
 * of them to keep none.
 */
export interface DrainOrder {
  cell: string;
  /** Raised at each change; a lower one is ignored. */
  generation: number;
  draining: boolean;
  /** 0–100: the weight in force over the weight at the start. */
  keepPercent: number;
  /** Time over which a gateway spreads the sockets that it sheds for this order, in milliseconds. */
  spreadMs: number;
  reason: string;
  /** Pods of gateways that are drained alone: they keep no socket, whatever the rest says. */
  gateways: readonly string[];
}

export interface ControlSource {
  /** Resolves when the process has what it needs to serve: at least one ring's table and its own cell's order, live or from disk. */
  readonly ready: Promise<void>;
  /** The route of a slot, or undefined while the ring is unknown. At most a lookup: called per message. */
  route(ring: string, slot: number): SlotRoute | undefined;
  /** Every member known of a ring, owners or not. */
  members(ring: string): readonly RouteMember[];
  /** Called after routes of a ring changed. Returns the unsubscriber. */
  onRing(listener: (ring: string, slots: readonly number[]) => void): () => void;
  /** Subscribes to the workspace by name on first use; undefined when the control plane says that there is none. */
  workspace(id: WorkspaceId): Promise<WorkspaceEntry | undefined>;
  onWorkspace(listener: (entry: WorkspaceEntry | undefined, id: WorkspaceId) => void): () => void;
  drainOrder(): DrainOrder | undefined;
  onDrainOrder(listener: (order: DrainOrder) => void): () => void;
  close(): Promise<void>;
}

/** Resource types on the ADS stream beside Envoy's. */
export const TYPE_URLS = {
  slotRange: 'type.googleapis.com/chatcells.v1.SlotRange',
  workspace: 'type.googleapis.com/chatcells.v1.Workspace',
  drainOrder: 'type.googleapis.com/chatcells.v1.DrainOrder',
} as const;

/** `<ring>/<range 0–63>`; a drain order is named by its cell, a workspace by its id. */
export const slotRangeName = (ring: string, range: number): string => `${ring}/${range}`;
