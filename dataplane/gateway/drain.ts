/** How many sockets a gateway sheds for a drain order, and when. Pure: time and counts are passed in. */
import type { DrainOrder } from '../../cells/contract/control.ts';

export interface DrainState {
  order: DrainOrder;
  /** Sockets when the drain began: what keepPercent is a share of. */
  baseline: number;
  /** Sockets when this order came. */
  atOrder: number;
  /** Own monotonic time when this order came. */
  sinceMs: number;
}

/** A gateway that is drained alone sheds over this time: it may hold tens of thousands. */
const ALONE_SPREAD_MS = 30_000;

/** The cell's order as it is for the gateway of this Pod. */
export const orderFor = (order: DrainOrder, pod: string): DrainOrder =>
  order.gateways.includes(pod) ? { ...order, draining: true, keepPercent: 0, spreadMs: ALONE_SPREAD_MS } : order;

/** Takes note of an order. Undefined: no drain. The baseline stays for all orders of one drain. */
export function onOrder(
  state: DrainState | undefined,
  order: DrainOrder,
  now: { sockets: number; ms: number },
): DrainState | undefined {
  if (state !== undefined && order.generation <= state.order.generation) return state;
  if (!order.draining) return undefined;
  return { order, baseline: state?.baseline ?? now.sockets, atOrder: now.sockets, sinceMs: now.ms };
}

/** How many are to be kept in the end. */
export const keepTarget = (state: DrainState): number => Math.ceil((state.baseline * state.order.keepPercent) / 100);

/**
 * How many of `sockets` to shed now: what is above a line that falls evenly from the count at the order to the target
 * over the order's time. New sockets that came meanwhile count like old ones. Never goes below the target.
 */
export function shedNow(state: DrainState, now: { sockets: number; ms: number }): number {
  const target = keepTarget(state);
  const { spreadMs } = state.order;
  const share = spreadMs <= 0 ? 0 : Math.max(0, 1 - (now.ms - state.sinceMs) / spreadMs);
  const line = target + Math.max(0, state.atOrder - target) * share;
  return Math.max(0, now.sockets - Math.ceil(line));
}
