/**
 * Configuration of a role: flags > environment > default, checked once, frozen, passed in. Nothing else reads
 * process.env. `--help` of a role prints the table.
 */
import { ChatError } from '../errors.ts';

export interface Setting<T> {
  /** What it is, with its unit. */
  doc: string;
  /** Environment variable; the flag is its lower-case form with dashes: STORE_URL → --store-url. */
  env: string;
  /** Text used when absent; undefined makes the setting required. */
  default?: string;
  parse(text: string): T;
}

export type Settings = Record<string, Setting<unknown>>;
export type Config<S extends Settings> = { readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never };

const setting = <T>(env: string, doc: string, parse: (text: string) => T, fallback?: string): Setting<T> => ({
  env,
  doc,
  parse,
  ...(fallback === undefined ? {} : { default: fallback }),
});

export const text = (env: string, doc: string, fallback?: string): Setting<string> =>
  setting(env, doc, (t) => t, fallback);

export const list = (env: string, doc: string, fallback?: string): Setting<string[]> =>
  setting(
    env,
    doc,
    (t) =>
      t
        .split(',')
        .map((s) => s.trim())
        .filter(Boolean),
    fallback,
  );

export const flag = (env: string, doc: string, fallback = 'false'): Setting<boolean> =>
  setting(
    env,
    doc,
    (t) => {
      if (t === 'true' || t === 'false') return t === 'true';
      throw new Error('must be true or false');
    },
    fallback,
  );

export const integer = (
  env: string,
  doc: string,
  range: { min: number; max: number },
  fallback?: string,
): Setting<number> =>
  setting(
    env,
    doc,
    (t) => {
      const n = Number(t);
      if (!Number.isInteger(n) || n < range.min || n > range.max)
        throw new Error(`must be a whole number from ${range.min} to ${range.max}`);
      return n;
    },
    fallback,
  );

const DURATION = /^(\d+)(ms|s|m|h)$/;
const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of "500ms", "2s", "1m", "1h". */
export function parseDurationMs(t: string): number {
  const match = DURATION.exec(t);
  if (!match) throw new Error('must be a duration such as 500ms, 2s, 1m');
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}
export const duration = (env: string, doc: string, fallback?: string): Setting<number> =>
  setting(env, doc, parseDurationMs, fallback);

export const json = <T>(
  env: string,
  doc: string,
  check: (value: unknown) => value is T,
  fallback?: string,
): Setting<T> =>
  setting(
    env,
    doc,
    (t) => {
      const value: unknown = JSON.parse(t);
      if (!check(value)) throw new Error('has the wrong shape');
      return value;
    },
    fallback,
  );

export interface ConfigInput {
  env: Readonly<Record<string, string | undefined>>;
  /** Flags such as `--store-url=…` or `--store-url …`. */
  args: readonly string[];
}

/** Rejects an unknown flag, a missing setting and a bad value with `config_invalid`, naming the key. */
export function parseConfig<S extends Settings>(settings: S, input: ConfigInput): Config<S> {
  const flags = parseFlags(settings, input.args);
  const out: Record<string, unknown> = {};
  for (const [key, s] of Object.entries(settings)) {
    const raw = flags.get(s.env) ?? input.env[s.env] ?? s.default;
    if (raw === undefined) throw new ChatError('config_invalid', { key: s.env, problem: 'is required' });
    try {
      out[key] = s.parse(raw);
    } catch (e: unknown) {
      throw new ChatError('config_invalid', { key: s.env, problem: e instanceof Error ? e.message : String(e) }, e);
    }
  }
  return Object.freeze(out) as Config<S>;
}

const flagName = (env: string): string => `--${env.toLowerCase().replaceAll('_', '-')}`;

function parseFlags(settings: Settings, args: readonly string[]): Map<string, string> {
  const byFlag = new Map(Object.values(settings).map((s) => [flagName(s.env), s.env]));
  const out = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [name = '', inline] = args[i]!.split(/=(.*)/s);
    const env = byFlag.get(name);
    if (env === undefined) throw new ChatError('config_invalid', { key: name, problem: 'is not a flag of this role' });
    const value = inline ?? args[++i];
    if (value === undefined) throw new ChatError('config_invalid', { key: name, problem: 'needs a value' });
    out.set(env, value);
  }
  return out;
}

/** The reference that `chatcells <role> --help` prints. */
export function describeSettings(settings: Settings): string {
  return Object.values(settings)
    .map(
      (s) =>
        `  ${flagName(s.env)} (${s.env})\n      ${s.doc}${s.default === undefined ? ' Required.' : ` Default: ${s.default || '(empty)'}.`}`,
    )
    .join('\n');
}
