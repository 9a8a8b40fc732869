/**
 * Who is alive, judged from heartbeat counters. A pure state machine on the observer's own monotonic clock, used by
 * the ring manager and by every channel server: no wall time, no I/O.
 *
 * A wrong "dead" costs a needless takeover (the claim keeps it safe), so every doubt about the observer or the store
 * is resolved towards "alive".
 */

export interface LivenessPolicy {
  /** Interval at which members write their heartbeat, in ms. */
  heartbeatMs: number;
  /** Heartbeats missed before a member counts as dead: ChannelRing.spec.failure.missed. */
  missed: number;
  /** Interval at which the observer means to poll, in ms. Default: heartbeatMs. */
  pollMs?: number;
}

/** The two columns of a heartbeat row that matter here. */
export interface Beat {
  incarnation: string;
  counter: number;
}

export interface Verdict {
  /** Every known member that is not dead, the silent ones that are not judged yet included. */
  alive: ReadonlySet<string>;
  dead: ReadonlySet<string>;
  /** Why this round judged nobody new: own poll failed, or the store itself is suspect. */
  withheld?: 'failed' | 'store';
}

interface Track {
  counter: number;
  /** Own monotonic time from which silence counts. */
  since: number;
  dead: boolean;
}

/** Part of an interval that reads may take. */
const READ_SHARE = 0.1;
/** How many times the dead time over half of the members may be silent, others beating, before it is they and not the store. */
const STORE_GRACE_FACTOR = 5;

export class Liveness {
  readonly #heartbeatMs: number;
  readonly #deadMs: number;
  /** Silence that is death: a little less than deadMs, or the milliseconds that each read takes would cost one more poll. */
  readonly #silentMs: number;
  readonly #pollMs: number;
  readonly #maxGapMs: number;
  readonly #tracks = new Map<string, Track>();
  #lastPollAt: number | undefined;
  #storeSuspectSince: number | undefined;

  constructor(policy: LivenessPolicy) {
    this.#heartbeatMs = policy.heartbeatMs;
    this.#deadMs = policy.heartbeatMs * policy.missed;
    this.#pollMs = policy.pollMs ?? policy.heartbeatMs;
    this.#maxGapMs = 1.5 * this.#pollMs;
    this.#silentMs = this.#deadMs - READ_SHARE * Math.min(this.#pollMs, policy.heartbeatMs);
  }

  /**
   * One successful poll: all rows of the ring (own row included), the own monotonic time at which the read completed,
   * and how long the read took. Rows that are gone are forgotten. `storeWell`: what this process itself has written and
   * read since the last poll came through in time.
   */
  observe(beats: readonly Beat[], nowMonotonicMs: number, ownReadDelayMs = 0, storeWell = false): Verdict {
    const gap = Math.max(nowMonotonicMs - (this.#lastPollAt ?? nowMonotonicMs), ownReadDelayMs);
    this.#lastPollAt = nowMonotonicMs;
    const beaten = this.#take(beats, nowMonotonicMs);
    // Stopped, starved or kept waiting: what kept the observer may have kept the others. A late poll counts for as long
    // as those that beat have beaten meanwhile, and at least as one in time: an observer that is always late would else
    // never find anybody dead. A store that is not well has kept all of them, however often they tried: beats are counted
    // as they are tried.
    const witnessedMs = storeWell ? beaten * this.#heartbeatMs : 0;
    if (gap > this.#maxGapMs) this.#forgive(gap - Math.max(witnessedMs, this.#pollMs), nowMonotonicMs);
    // The rows are at least as fresh as the start of the read: silence is a lower bound.
    return this.#judge(nowMonotonicMs - ownReadDelayMs, nowMonotonicMs);
  }

  /** One failed poll: what could not be seen is not counted. */
  observeFailure(nowMonotonicMs: number): Verdict {
    this.#lastPollAt = nowMonotonicMs;
    this.#storeSuspectSince = undefined;
    this.#restartSilent(nowMonotonicMs);
    return this.#verdict('failed');
  }

  /** Returns how often a member has beaten since the last poll: the median (the lower of two) of those that have. */
  #take(beats: readonly Beat[], now: number): number {
    const seen = new Set<string>();
    const steps: number[] = [];
    for (const { incarnation, counter } of beats) {
      seen.add(incarnation);
      const track = this.#tracks.get(incarnation);
      if (track === undefined) this.#tracks.set(incarnation, { counter, since: now, dead: false });
      else if (counter !== track.counter) {
        steps.push(counter - track.counter);
        Object.assign(track, { counter, since: now, dead: false });
      }
    }
    for (const incarnation of this.#tracks.keys()) if (!seen.has(incarnation)) this.#tracks.delete(incarnation);
    steps.sort((a, b) => a - b);
    return steps[(steps.length - 1) >> 1] ?? 0;
  }

  #judge(upTo: number, now: number): Verdict {
    const living = [...this.#tracks.values()].filter((t) => !t.dead);
    // A frozen store silences everyone, but each crosses the limit at its own poll: count those well on the way too.
    const silent = living.filter((t) => upTo - t.since >= this.#deadMs / 2);
    const expired = living.filter((t) => upTo - t.since >= this.#silentMs);
    if (silent.length * 2 > living.length) {
      this.#storeSuspectSince ??= now;
      const overdue = now - this.#storeSuspectSince >= STORE_GRACE_FACTOR * this.#deadMs;
      if (!overdue || silent.length === living.length) return this.#verdict('store');
    } else if (this.#storeSuspectSince !== undefined) {
      // The store has just come back: who has not written yet gets its full time again.
      this.#storeSuspectSince = undefined;
      this.#restartSilent(now);
      return this.#verdict('store');
    }
    for (const t of expired) t.dead = true;
    if (expired.length > 0) this.#storeSuspectSince = undefined;
    return this.#verdict();
  }

  #forgive(ms: number, now: number): void {
    if (ms <= 0) return;
    for (const t of this.#tracks.values()) if (!t.dead) t.since = Math.min(now, t.since + ms);
  }

  #restartSilent(now: number): void {
    for (const t of this.#tracks.values()) if (!t.dead) t.since = now;
  }

  #verdict(withheld?: Verdict['withheld']): Verdict {
    const alive = new Set<string>();
    const dead = new Set<string>();
    for (const [incarnation, t] of this.#tracks) (t.dead ? dead : alive).add(incarnation);
    return { alive, dead, ...(withheld === undefined ? {} : { withheld }) };
  }
}
