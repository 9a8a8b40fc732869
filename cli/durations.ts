/** Durations and counts as people read them. */
const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** The two largest units: "3m10s", "2d4h", "0s". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000)) * 1000;
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return '0s';
  let rest = seconds;
  let out = '';
  for (const [unit, size] of UNITS.slice(first, first + 2)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) out += `${count}${unit}`;
  }
  return out;
}

/** Time since an RFC 3339 time. */
export const formatAge = (since: string | undefined, nowMs: number): string | undefined =>
  since === undefined ? undefined : formatDuration(nowMs - Date.parse(since));

/** 48,310 */
export const formatCount = (n: number): string => n.toLocaleString('en-US');

/** Milliseconds of "500ms", "2s", "5m", "24h", "7d"; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  if (!match) return undefined;
  const unit = match[2] === 'ms' ? 1 : UNITS.find(([name]) => name === match[2])![1];
  return Number(match[1]) * unit;
}
