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
  const takers = input.suspect ? [] : others.filter((o) => o.weight > 0);
  const over = takers.find((o) => (o.errorRate ?? 0) > intent.maxErrorRate);
  if (over) {
    const rate = `More than ${percentOf(intent.maxErrorRate)} % of the requests to ${over.name}, which takes over, failed in the last 10 s`;
    return { reason: 'ErrorBudget', message: `${rate}: going back a step, or force.`, back: true, forceable: true };
  }
  const unseen = takers.find((o) => o.unseen);
  return unseen ? unseenBlocker(`requests to ${unseen.name}, which takes over,`) : roomBlocker(input, step);
}

/** Its edges may be the only ones that send there: no word of failures is not the word that there are none. */
function unseenBlocker(requests: string): Blocker {
  const message = `A replica of the control plane does not answer, and without it nobody tells how many ${requests} fail. Force goes on without.`;
  return { reason: 'FiguresUnknown', message, forceable: true };
}

function roomBlocker(input: DrainInput, { weight, target }: Step): Blocker | undefined {
  const { live, others } = input;
  if (!live) {
    const message = 'No control plane tells how many sockets there are. Force goes on without.';
    return { reason: 'FiguresUnknown', message, forceable: true };
  }
  const need = Math.ceil((live.sockets * (weight - target)) / weight);
  const before = others.filter((o) => beganBefore(o, input));
  const room = Math.max(0, roomOf(others) - before.reduce((sum, o) => sum + leavingOf(o), 0));
  if (need <= room) return undefined;
  const taken = before.length === 0 ? '' : `, beside what ${before.map((o) => o.name).join(' and ')} drains`;
  const message = `The other Ready cells have room for ${down(room)} sockets${taken}, and about ${up(need)} are to move. Add capacity, or force.`;
  return { reason: 'NoRoom', message, forceable: true };
}

type Room = Pick<OtherCell, 'ready' | 'weight' | 'capacity' | 'sockets' | 'normalWeight' | 'targetWeight'>;

/** Sockets that fit into the cells that take traffic and are Ready: of one at half its weight, or going there, half. */
export const roomOf = (others: readonly Room[]): number => others.reduce((sum, o) => sum + roomIn(o), 0);

function roomIn({ ready, weight, targetWeight, normalWeight, capacity, sockets }: Room): number {
  if (!ready || weight === 0 || sockets === undefined) return 0;
  const share = Math.min(weight, targetWeight) / Math.max(1, normalWeight);
  return Math.max(0, Math.floor(capacity * Math.min(1, share)) - sockets);
}

/** Of two drains at once the later one has the room that the earlier leaves: else both would count on the same. */
function beganBefore({ drainingSince, name }: OtherCell, { status, name: own }: DrainInput): boolean {
  if (drainingSince === undefined) return false;
  const { startedAt, fromWeight } = status.drain ?? {};
  if (startedAt === undefined || fromWeight === undefined || drainingSince < startedAt) return true;
  return drainingSince === startedAt && name < own;
}

/** At weight 0 those that are left are on their way. */
const leavingOf = ({ weight, targetWeight, sockets = 0 }: OtherCell): number =>
  weight === 0 ? sockets : Math.ceil((sockets * Math.max(0, weight - targetWeight)) / weight);

export function raiseBlocker({ ready, intent, live }: DrainInput): Blocker | undefined {
  const errorRate = live?.errorRate;
  if (errorRate !== undefined && errorRate > intent.maxErrorRate) {
    const message = `More than ${percentOf(intent.maxErrorRate)} % of the requests failed in the last 10 s: going back a step.`;
    return { reason: 'ErrorBudget', message, back: true };
  }
  if (ready) return live?.unseen ? unseenBlocker('requests') : undefined;
  return { reason: 'NotReady', message: 'The Cell is not Ready: see its conditions.', forceable: true };
}

/** Without the tail that a fraction times 100 has. */
export const percentOf = (share: number): number => Number((share * 100).toPrecision(3));

/** Two digits are enough to see the size, and do not change with every socket. */
const up = (n: number): number => coarse(n, Math.ceil);
const down = (n: number): number => coarse(n, Math.floor);
function coarse(n: number, round: (n: number) => number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, n))) - 1);
  return round(n / unit) * unit;
}
