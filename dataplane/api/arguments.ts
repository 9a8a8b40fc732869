/**
 * Arguments of a method, declared once: checked from JSON, form fields or the query string, and listed in the docs.
 * Unknown arguments are ignored, as at Slack.
 */
import { ChatError } from '../../cells/contract/errors.ts';
import { isChannelId, isUserId, parseTs, type TopicId, type UserId } from '../../cells/contract/ids.ts';
import { LIMITS } from '../protocol/limits.ts';

export interface Argument<T> {
  doc: string;
  /** As shown in the docs: string, boolean, integer, … */
  kind: string;
  required: boolean;
  /** Undefined: the value is of no such kind. A ChatError says more than `invalid_arguments` would. */
  parse(value: unknown): T | undefined;
  /** What is wrong when `parse` gave undefined. */
  problem: string;
  /** Used when absent and not required. */
  fallback: T;
}
export type Arguments = Record<string, Argument<unknown>>;
export type Parsed<A extends Arguments> = { readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never };

type Spec<T> = Pick<Argument<T>, 'kind' | 'parse' | 'problem'>;
const declare =
  <T>(spec: Spec<T>) =>
  (doc: string): Argument<T> => ({ ...spec, doc, required: true, fallback: undefined as T });

export function optional<T>(argument: Argument<T>): Argument<T | undefined>;
export function optional<T>(argument: Argument<T>, fallback: T): Argument<T>;
export function optional<T>(argument: Argument<T>, fallback?: T): Argument<T | undefined> {
  return { ...argument, required: false, fallback };
}

/** Text that any engine can store: lone surrogates become U+FFFD. */
export const string = declare<string>({
  kind: 'string',
  problem: 'must be a string',
  parse: (v) => (typeof v === 'string' ? v.toWellFormed() : undefined),
});

export const boolean = declare<boolean>({
  kind: 'boolean',
  problem: 'must be true or false',
  parse: (v) => {
    if (v === true || v === 'true' || v === '1' || v === 1) return true;
    return v === false || v === 'false' || v === '0' || v === 0 || v === '' ? false : undefined;
  },
});

/** A page size: more than `max` is `max`, as at Slack. */
export const pageSize = (max: number, fallback: number): Argument<number> =>
  optional(
    declare<number>({
      kind: 'integer',
      problem: 'must be a whole number',
      parse: (v) => {
        const n = typeof v === 'string' && /^\d{1,9}$/.test(v) ? Number(v) : v;
        if (!Number.isInteger(n) || (n as number) < 1) throw new ChatError('invalid_limit');
        return Math.min(n as number, max);
      },
    })(`Items a page, 1–${max}. Default ${fallback}.`),
    fallback,
  );

/** What is no id of a channel is answered like an id of a channel that does not exist. */
export const channel = declare<TopicId>({
  kind: 'channel id',
  problem: 'must be a channel id',
  parse: (v) => {
    if (!isChannelId(v)) throw new ChatError('channel_not_found');
    return v;
  },
});

export const user = declare<UserId>({
  kind: 'user id',
  problem: 'must be a user id',
  parse: (v) => {
    if (!isUserId(v)) throw new ChatError('user_not_found');
    return v;
  },
});

export const message = declare<string>({
  kind: 'ts',
  problem: 'must be a message ts',
  parse: (v) => {
    if (typeof v !== 'string' || parseTs(v) === undefined) throw new ChatError('message_not_found');
    return v;
  },
});

/** One end of a range of times; `code` is Slack's error for it. */
export const bound = (doc: string, code: 'invalid_ts_latest' | 'invalid_ts_oldest'): Argument<string | undefined> =>
  optional(
    declare<string>({
      kind: 'ts',
      problem: 'must be a timestamp',
      parse: (v) => {
        const text = typeof v === 'number' && Number.isSafeInteger(v) ? String(v) : v;
        if (typeof text !== 'string' || parseTs(text) === undefined) throw new ChatError(code);
        return text;
      },
    })(doc),
  );

/** A comma-separated list, or a JSON array of strings. Empty items are dropped. */
export const list = declare<string[]>({
  kind: 'list',
  problem: 'must be a comma-separated list of at most 1,000 items',
  parse: (v) => {
    const items = typeof v === 'string' ? v.split(',') : v;
    if (!Array.isArray(items) || items.length > 1000 || items.some((item) => typeof item !== 'string'))
      return undefined;
    return (items as string[]).map((item) => item.trim()).filter((item) => item !== '');
  },
});

/** A JSON array of objects, as JSON or (in a form) as its text. Not understood here, only bounded: every reader gets it. */
export const blocks = declare<Record<string, unknown>[]>({
  kind: 'JSON array',
  problem: 'must be a JSON array of objects',
  parse: (v) => {
    const value = typeof v === 'string' ? parseJson(v) : v;
    const fits = Array.isArray(value) && value.every((item) => typeof item === 'object' && item !== null);
    if (!fits) throw new ChatError('invalid_blocks_format');
    if (value.length > LIMITS.blocks) throw new ChatError('invalid_blocks');
    if (JSON.stringify(value).length > LIMITS.blocksCharacters) throw new ChatError('msg_blocks_too_long');
    return value as Record<string, unknown>[];
  },
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // the caller names the argument
  }
}

/** Rejects with `invalid_arguments` (or the argument's own code) at the first argument that does not fit. */
export function parseArguments<A extends Arguments>(declared: A, raw: Readonly<Record<string, unknown>>): Parsed<A> {
  const out: Record<string, unknown> = {};
  for (const [name, argument] of Object.entries(declared)) {
    const value = Object.hasOwn(raw, name) ? raw[name] : undefined;
    if (value === undefined || value === null || (value === '' && !argument.required)) {
      if (argument.required) throw new ChatError('invalid_arguments', { argument: name, problem: 'is required' });
      out[name] = argument.fallback;
      continue;
    }
    const parsed = argument.parse(value);
    if (parsed === undefined) throw new ChatError('invalid_arguments', { argument: name, problem: argument.problem });
    out[name] = parsed;
  }
  return out as Parsed<A>;
}
