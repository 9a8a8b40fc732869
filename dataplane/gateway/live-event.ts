/** One event on its way to the sessions of this gateway: made once, shared by all of them. */
import type { UserId } from '../../cells/contract/ids.ts';
import type { Trace } from '../protocol/frames.ts';
import { OutFrame } from './out-frame.ts';

export class LiveEvent {
  readonly seq: number;
  readonly frame: OutFrame;
  readonly member: { user: UserId; joined: boolean } | undefined;
  readonly trace: Trace | undefined;
  #parsed: Record<string, unknown> | undefined;

  constructor(event: {
    seq: number;
    json: Buffer;
    member?: { user: UserId; joined: boolean } | undefined;
    trace?: Trace | undefined;
  }) {
    this.seq = event.seq;
    this.frame = new OutFrame(event.json);
    this.member = event.member;
    this.trace = event.trace;
  }

  /**
   * Whether the event may be of `user`'s making, without parsing it: quotes inside JSON strings are escaped, so the
   * pattern is found only where there is such a member. It may be a nested one: a false "yes" costs a short wait.
   */
  mayBeFrom(user: UserId): boolean {
    return this.frame.json.includes(`"user":"${user}"`);
  }

  /** Parsed at most once, and only for the few events that the gateway itself acts on. */
  get fields(): Record<string, unknown> {
    this.#parsed ??= JSON.parse(this.frame.json.toString()) as Record<string, unknown>;
    return this.#parsed;
  }

  /** Wall time of the event in ms, from its `event_ts` or `ts`; undefined when it has none. */
  get atMs(): number | undefined {
    const { json } = this.frame;
    for (const key of ['"event_ts":"', '"ts":"']) {
      const at = json.indexOf(key);
      if (at < 0) continue;
      const ms = Number(json.toString('latin1', at + key.length, json.indexOf('"', at + key.length))) * 1000;
      if (Number.isFinite(ms)) return ms;
    }
    return undefined;
  }
}
