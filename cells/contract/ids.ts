/**
 * Ids are Snowflakes (41-bit milliseconds since EPOCH_MS, 10-bit worker, 12-bit sequence): 63 bits, time-sortable,
 * unique over all kinds. In JavaScript they are their public text, Slack's prefix and base 36 in capitals
 * ("C0M3K…"); in the store and on the link they are the number. A user and its topic share one number.
 */
import type { Clock } from './clock.ts';

export type IdKind = 'T' | 'U' | 'C' | 'D' | 'G' | 'F';
declare const brand: unique symbol;
type Branded<B> = string & { readonly [brand]: B };
export type WorkspaceId = Branded<'T'>;
export type UserId = Branded<'U'>;
/** A topic: a channel or DM (C… D… G…), a user (U…) or a workspace (T…). */
export type TopicId = Branded<'topic'> | WorkspaceId | UserId;

export const EPOCH_MS = Date.UTC(2025, 0, 1);
const ID_PATTERN = /^[TUCDGF][0-9A-Z]{1,13}$/;
const MAX_ID = (1n << 63n) - 1n;

/** The number of an id's text, or undefined when it is not an id. */
export function idNumber(id: string): bigint | undefined {
  if (!ID_PATTERN.test(id)) return undefined;
  let n = 0n;
  for (let i = 1; i < id.length; i += 8) {
    const chunk = id.slice(i, i + 8); // 8 base-36 digits fit a double exactly
    n = n * BigInt(36 ** chunk.length) + BigInt(Number.parseInt(chunk, 36));
  }
  return n > MAX_ID ? undefined : n;
}

/** The number of a text that is known to be an id: a bug otherwise. */
export function numberOf(id: string): bigint {
  const n = idNumber(id);
  if (n === undefined) throw new TypeError(`not an id: ${JSON.stringify(id)}`);
  return n;
}

export function formatId(kind: IdKind, n: bigint): string {
  return kind + n.toString(36).toUpperCase();
}

export const kindOf = (id: string): IdKind => id[0] as IdKind;
export const workspaceId = (n: bigint): WorkspaceId => formatId('T', n) as WorkspaceId;
export const userId = (n: bigint): UserId => formatId('U', n) as UserId;
export const topicId = (kind: IdKind, n: bigint): TopicId => formatId(kind, n) as TopicId;

/** Narrowing checks for text from outside. */
export const isWorkspaceId = (s: unknown): s is WorkspaceId => isKind(s, 'T');
export const isUserId = (s: unknown): s is UserId => isKind(s, 'U');
/** A channel, DM or group DM. */
export const isChannelId = (s: unknown): s is TopicId =>
  typeof s === 'string' && 'CDG'.includes(s[0] ?? '-') && idNumber(s) !== undefined;
export const isTopicId = (s: unknown): s is TopicId => isChannelId(s) || isUserId(s) || isWorkspaceId(s);
const isKind = (s: unknown, kind: IdKind): boolean =>
  typeof s === 'string' && s[0] === kind && idNumber(s) !== undefined;

/** Makes Snowflakes for one worker number, which must be leased in the store while this lives. */
export class Snowflake {
  #lastMs = -1;
  #sequence = 0;
  readonly #clock: Clock;
  readonly #worker: number;

  constructor(clock: Clock, worker: number) {
    if (!Number.isInteger(worker) || worker < 0 || worker > 1023)
      throw new RangeError(`worker ${worker} is not in 0–1023`);
    this.#clock = clock;
    this.#worker = worker;
  }

  /** Never repeats, also when the wall clock steps back: it then counts on from the last millisecond used. */
  next(): bigint {
    const now = this.#clock.wallMs() - EPOCH_MS;
    if (now > this.#lastMs) {
      this.#lastMs = now;
      this.#sequence = 0;
    } else if (++this.#sequence > 4095) {
      this.#lastMs++;
      this.#sequence = 0;
    }
    return (BigInt(this.#lastMs) << 22n) | (BigInt(this.#worker) << 12n) | BigInt(this.#sequence);
  }
}

/** Slack's form of a time in microseconds: "<seconds>.<6 digits>". */
export function formatTs(micros: bigint): string {
  const text = micros.toString().padStart(7, '0');
  return `${text.slice(0, -6)}.${text.slice(-6)}`;
}

/** Microseconds of Slack's form; fewer digits after the point count from the left. Undefined when it is none. */
export function parseTs(ts: string): bigint | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?$/.exec(ts);
  return match ? BigInt(match[1]!) * 1_000_000n + BigInt((match[2] ?? '').padEnd(6, '0')) : undefined;
}
