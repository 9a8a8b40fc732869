/**
 * How many planned handoffs may start now. Pure. Every replica of the control plane runs the planner, so what is spent
 * is read off the table: whoever started a move, all count it.
 */
import type { Move } from './plan.ts';

export interface BudgetPolicy {
  maxMovesPerMinute: number;
  /** ChannelRing.spec.handoff.batch, in slots: what may be under way is counted in these. */
  batch: number;
}

/** Seconds' worth of moves that may start at once, and that may be owed. */
const BURST_SECONDS = 10;
/** Batches that may be under way at once, for rebalancing and for evacuation. */
const REBALANCE_BATCHES = 4;
const EVACUATE_BATCHES = 16;

export class MoveBudget {
  #tokens: number | undefined;
  #at = 0;

  /** Moves that were seen to start. */
  charge(started: number): void {
    if (this.#tokens !== undefined) this.#tokens -= started;
  }

  /** The moves of a plan that may start now: evacuations and pins by what is in flight alone, the others by the rate too. */
  choose(moves: readonly Move[], inFlight: number, policy: BudgetPolicy, nowMonotonicMs: number): Move[] {
    this.#refill(policy, nowMonotonicMs);
    const urgent = moves.filter((m) => m.reason !== 'rebalance');
    const rest = moves.filter((m) => m.reason === 'rebalance');
    const first = urgent.slice(0, Math.max(0, EVACUATE_BATCHES * policy.batch - inFlight));
    if (urgent.length > 0) return first;
    const room = Math.min(REBALANCE_BATCHES * policy.batch - inFlight, Math.floor(this.#tokens ?? 0));
    return rest.slice(0, Math.max(0, room));
  }

  #refill({ maxMovesPerMinute }: BudgetPolicy, now: number): void {
    const cap = Math.max(1, (maxMovesPerMinute / 60) * BURST_SECONDS);
    const earned = ((now - this.#at) * maxMovesPerMinute) / 60_000;
    this.#tokens = this.#tokens === undefined ? cap : Math.min(cap, Math.max(-cap, this.#tokens) + earned);
    this.#at = now;
  }
}
