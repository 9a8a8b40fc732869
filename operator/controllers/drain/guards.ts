/** What forbids a step of a drain or undrain. Pure. */
import type { DrainInput, OtherCell, Step } from './model.ts';

export interface Blocker {
  reason: string;
  message: string;
  /** The step before it is undone. */
  back?: boolean;
  /** Force goes past it. */
  forceable?: boolean;
}

/** The first thing that forbids to lower the weight to `next`. */
export function lowerBlocker(input: DrainInput, step: Step, next: number): Blocker | undefined {
  const { intent, others } = input;
  if (next === 0 && !others.some((o) => o.weight > 0)) {
    const how = 'Undrain or add another Cell first. Force does not help.';
    return { reason: 'LastCell', message: `No other Cell takes traffic, so this one cannot go to 0. ${how}` };
  }
  const over = input.suspect ? undefined : others.find((o) => o.weight > 0 && (o.errorRate ?? 0) > intent.maxErrorRate);
  if (over) {
    const rate = `More than ${intent.maxErrorRate * 100} % of the requests to ${over.name}, which takes over, failed in the last 10 s`;
    return { reason: 'ErrorBudget', message: `${rate}: going back a step.`, back: true };
  }
  return roomBlocker(input, step);
}

function roomBlocker({ live, others }: DrainInput, { weight, target }: Step): Blocker | undefined {
  if (!live) {
    const message = 'No control plane tells how many sockets there are. Force goes on without.';
    return { reason: 'FiguresUnknown', message, forceable: true };
  }
  const need = Math.ceil((live.sockets * (weight - target)) / weight);
  const room = roomOf(others);
  if (need <= room) return undefined;
  const message = `The other Ready cells have room for ${down(room)} sockets, and about ${up(need)} are to move. Add capacity, or force.`;
  return { reason: 'NoRoom', message, forceable: true };
}

/** Sockets that fit into the cells that take traffic and are Ready. */
export const roomOf = (others: readonly Pick<OtherCell, 'ready' | 'weight' | 'capacity' | 'sockets'>[]): number =>
  others
    .filter((o) => o.ready && o.weight > 0 && o.sockets !== undefined)
    .reduce((sum, o) => sum + Math.max(0, o.capacity - (o.sockets ?? 0)), 0);

export function raiseBlocker({ ready, intent, live }: DrainInput): Blocker | undefined {
  const errorRate = live?.errorRate;
  if (errorRate !== undefined && errorRate > intent.maxErrorRate) {
    const message = `${(errorRate * 100).toFixed(0)} % of requests failed in the last 10 s: going back a step.`;
    return { reason: 'ErrorBudget', message, back: true };
  }
  if (ready) return undefined;
  return { reason: 'NotReady', message: 'The Cell is not Ready: see its conditions.', forceable: true };
}

/** Two digits are enough to see the size, and do not change with every socket. */
const up = (n: number): number => coarse(n, Math.ceil);
const down = (n: number): number => coarse(n, Math.floor);
function coarse(n: number, round: (n: number) => number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, n))) - 1);
  return round(n / unit) * unit;
}
