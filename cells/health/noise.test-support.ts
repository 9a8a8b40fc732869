/** Hours of normal operation drawn by a seed, with all that goes wrong in them without a zone being to blame. */
import type { BulkOptions, Episode } from './bulk-traffic.test-support.ts';
import {
  background,
  badPod,
  badWorkspace,
  deadStore,
  type Fault,
  lossyZone,
  mulberry,
  ZONES,
} from './traffic.test-support.ts';

export const HOUR = 360;
const ROLES = ['gateway', 'api', 'channel'] as const;
const SERVERS = { gateway: 2, api: 2, channel: 2 };
/** In buckets. A zone that fails for longer is no mishap. */
const LONGEST = { store: 24, takeover: 1, link: 6, zone: 7 };
const PEACE = 12;

/** What may be the matter in a whole hour, beside what comes and goes. */
export type Trouble = 'nothing' | 'workspace' | 'gateway' | 'api' | 'channel' | 'link' | 'store';
export const TROUBLES = [
  'nothing',
  'workspace',
  'gateway',
  'api',
  'channel',
  'link',
  'store',
] as const satisfies Trouble[];

export interface NoisyHour extends BulkOptions {
  trouble: Trouble;
  /** Few requests all hour. */
  quiet: boolean;
}

export function noisyHour(seed: number, spared?: string): NoisyHour {
  const dice = mulberry(seed * 7919 + 17);
  const some = <T>(from: readonly T[]): T => from[Math.floor(from.length * dice())]!;
  const trouble = TROUBLES[seed % TROUBLES.length]!;
  const zones = ZONES.filter((z) => z !== spared);
  const quiet = spared === undefined && dice() < 0.3;
  const usual = quiet ? 10 + 30 * dice() : 150 + 250 * dice();
  const bursts = Array.from({ length: 4 }, () => ({
    from: dice() * HOUR,
    long: 1 + dice() * 8,
    times: 2 + 4 * dice(),
  }));
  const away = { from: dice() * HOUR, long: dice() * 40, zone: some(zones) };
  const comeAndGo =
    spared === undefined ? [...deploys(dice, ZONES), ...mishaps(dice, some, trouble)] : deploys(dice, zones);
  return {
    ...{ seed, trouble, quiet },
    posts: (bucket) => {
      const burst = bursts.find((b) => b.from <= bucket && bucket < b.from + b.long);
      return usual * (burst?.times ?? 1);
    },
    missing: (bucket) =>
      spared === undefined && away.from <= bucket && bucket < away.from + away.long ? away.zone : undefined,
    episodes: [
      always(background(0.001 + 0.006 * dice())),
      ...lasting(trouble, zones, dice, spared !== undefined),
      ...comeAndGo,
    ],
  };
}

const always = (fault: Fault): Episode => ({ from: 0, to: Number.POSITIVE_INFINITY, fault });

/** What fails for the whole hour. `mild`: nothing that gives the judge good reason to hold its tongue. */
function lasting(trouble: Trouble, zones: readonly string[], dice: () => number, mild: boolean): Episode[] {
  const zone = zones[Math.floor(zones.length * dice())]!;
  const other = ZONES.find((z) => z !== zone)!;
  const rate = 0.1 + 0.9 * dice();
  if (trouble === 'workspace') return [always(badWorkspace('T0', rate))];
  if (trouble === 'gateway' || trouble === 'api' || trouble === 'channel')
    return [always(badPod(`${trouble}-${zone}-0`, rate))];
  if (mild) return [];
  if (trouble === 'link') return [always((l) => (touch(l, zone) && touch(l, other) ? rate : 0))];
  if (trouble === 'store') return [always(deadStore(rate * 0.5))];
  return [];
}
const touch = (l: { observerZone: string; targetZone: string }, zone: string): boolean =>
  l.observerZone === zone || l.targetZone === zone;

/** Every process of a role is replaced, one after the other, in one zone after the other. */
function deploys(dice: () => number, zones: readonly string[]): Episode[] {
  return ROLES.flatMap((role) => {
    let at = Math.floor(dice() * HOUR);
    return zones.flatMap((zone) =>
      Array.from({ length: SERVERS[role] }, (_, n) => {
        const episode = {
          from: at,
          to: at + 1 + Math.floor(dice() * 2),
          fault: badPod(`${role}-${zone}-${n}`, 0.3 * dice()),
        };
        at = episode.to + Math.floor(dice() * 2);
        return episode;
      }),
    );
  });
}

/**
 * One after the other: a slow store, a takeover, a link that hiccups, and now and then a whole zone for less than the
 * window, with a window of peace around it. Where a link is broken all hour no other link hiccups: that would be a zone.
 */
function mishaps(dice: () => number, some: <T>(from: readonly T[]) => T, trouble: Trouble): Episode[] {
  const kinds =
    trouble === 'link' ? (['store', 'takeover'] as const) : (['store', 'takeover', 'link', 'zone'] as const);
  const episodes: Episode[] = [];
  for (let at = Math.floor(dice() * 20); at < HOUR; ) {
    const [zone, rate] = [some(ZONES), 0.05 + 0.6 * dice()];
    const other = some(ZONES.filter((z) => z !== zone));
    const kind = some(kinds);
    const from = kind === 'zone' ? at + PEACE : at;
    const to = from + 1 + Math.floor(dice() * LONGEST[kind]);
    const faults: Record<typeof kind, Fault> = {
      store: deadStore(rate),
      takeover: (l) => (l.hop === 'owner' && l.targetZone === zone ? rate : 0),
      link: (l) => (touch(l, zone) && touch(l, other) ? rate : 0),
      zone: lossyZone(zone, rate),
    };
    episodes.push({ from, to, fault: faults[kind] });
    at = to + (kind === 'zone' ? PEACE : 1) + Math.floor(dice() * 20);
  }
  return episodes;
}
