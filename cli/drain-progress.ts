/** The line that is shown while a drain or undrain is watched. Pure. */
import { etaOf, type Pace } from './drain-pace.ts';
import type { Progress } from './drain-plan.ts';
import { formatAge, formatCount, formatDuration } from './durations.ts';

interface Watched {
  progress: Progress;
  /** Undefined when no control plane answers. */
  figures: { sockets: number; slots: number } | undefined;
  pace: Pace;
  /** That nobody leads, in place of a time that would be a guess; empty while somebody does. */
  leaderless: string;
  nowMs: number;
}

/** `cell-b  weight 40 % → 0 %  sockets 1,204  slots 512  ETA 1m20s  deadline in 8m` */
export function progressLine(name: string, watched: Watched): string {
  const { progress, figures, nowMs } = watched;
  const left =
    figures === undefined
      ? 'sockets ?  slots ?'
      : `sockets ${formatCount(figures.sockets)}  slots ${formatCount(figures.slots)}`;
  const deadline = deadlineText(progress, nowMs);
  const parts = [name, `weight ${progress.weight} % → ${progress.target} %`, left, stateText(watched), deadline];
  return parts.filter((part) => part !== '').join('  ');
}

function stateText({ progress, pace, leaderless, nowMs }: Watched): string {
  const { phase, blocker, blockedSince } = progress;
  if (phase === 'done') return 'done';
  if (leaderless !== '') return leaderless;
  const since = blockedSince === undefined ? '' : ` for ${formatAge(blockedSince, nowMs)}`;
  if (phase === 'blocked') return `BLOCKED${since}: ${blocker ?? '?'}`;
  if (phase === 'paused') return `PAUSED${since}, ${blocker?.replace(/^Paused /, '') ?? '?'}`;
  const { ms, by, unknown } = etaOf(progress, pace);
  if (unknown) return ms === 0 ? `${blocker ?? 'waits'}${since}` : `ETA at least ${formatDuration(ms)}`;
  return `ETA ${formatDuration(ms)}${by === 'steps' ? '' : ` (${by})`}`;
}

function deadlineText({ deadline }: Progress, nowMs: number): string {
  if (deadline === undefined) return '';
  const leftMs = Date.parse(deadline) - nowMs;
  return leftMs > 0 ? `deadline in ${formatDuration(leftMs)}` : `OVERDUE by ${formatDuration(-leftMs)}`;
}
