/**
 * The drain of one Cell as a state machine over its status alone, so that a new leader goes on where the old one
 * stopped. Pure. What must stay true: the weight changes by at most one step an interval; the weights of all cells never
 * sum to zero; nothing moves to where there is no room, or by figures that nobody has.
 */
import type { CellStatus } from '../../../crds/index.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';

export interface DrainInput {
  name: string;
  deleting: boolean;
  ready: boolean;
  /** Its zone is suspect: what crosses its links fails, and is no reason to keep traffic in it. */
  suspect: boolean;
  /** spec.traffic.weight. */
  normalWeight: number;
  intent: {
    targetWeight: number | undefined;
    stepPercent: number;
    stepIntervalMs: number;
    /** 0–1. */
    maxErrorRate: number;
    reason: string | undefined;
    force: boolean;
  };
  status: Pick<CellStatus, 'weight' | 'drain'>;
  /** Undefined when no control plane answered. */
  live: { sockets: number; slots: number; errorRate: number | undefined } | undefined;
  others: readonly OtherCell[];
}

export interface OtherCell {
  name: string;
  /** The weight in force. */
  weight: number;
  ready: boolean;
  /** WebSockets that it may hold. */
  capacity: number;
  /** Undefined when unknown: it then counts as full. */
  sockets: number | undefined;
  /** Share of failed requests in the last 10 s, 0–1; undefined when unknown or when there were few. */
  errorRate: number | undefined;
}

export type DrainStatus = NonNullable<CellStatus['drain']>;

export interface DrainDecision {
  weight: number;
  drain: DrainStatus;
  conditions: NewCondition[];
  events: { type: 'Normal' | 'Warning'; reason: string; note: string }[];
  /** When to look again; undefined: nothing will change by itself. */
  retryMs: number | undefined;
}

/** What stops a step. `back`: the step before it is undone. */
interface Blocker {
  reason: string;
  message: string;
  back?: boolean;
}

const WAIT_MS = 1000;

export const targetOf = (input: DrainInput): number =>
  input.deleting ? 0 : (input.intent.targetWeight ?? input.normalWeight);

/** Only an intent to drain to 0 empties the cell; a cell whose normal weight is 0 keeps its sockets. */
const empties = (input: DrainInput): boolean => input.deleting || input.intent.targetWeight === 0;

export function decideDrain(input: DrainInput, nowMs: number): DrainDecision {
  const { weight } = input.status;
  const target = targetOf(input);
  if (weight === undefined) return rest(input, { weight: input.normalWeight, phase: 'None', retryMs: 0 });
  if (weight > target) return lower(input, { weight, target, nowMs });
  if (weight < target) return raise(input, { weight, target, nowMs });
  return empties(input) ? empty(input, nowMs) : finish(input, weight, nowMs);
}

interface Step {
  weight: number;
  target: number;
  nowMs: number;
}

function lower(input: DrainInput, step: Step): DrainDecision {
  const { intent } = input;
  const drain = begun(input, 'Draining', step);
  const startEvents = input.status.drain?.startedAt === drain.startedAt ? [] : [startEvent(input, step)];
  const waitMs = untilNextStep(drain, intent.stepIntervalMs, step.nowMs);
  const next = Math.max(step.target, step.weight - intent.stepPercent);
  const blocker = lowerBlocker(input, step, next);
  if (blocker) return blocked(input, { step, drain, blocker, waitMs, startEvents });
  if (waitMs > 0)
    return going(input, { step, weight: step.weight, drain: unblocked(drain), retryMs: waitMs, events: startEvents });
  const stepped = { ...unblocked(drain), lastStepAt: iso(step.nowMs) };
  return going(input, { step, weight: next, drain: stepped, retryMs: intent.stepIntervalMs, events: startEvents });
}

/** The first thing that forbids to go from the weight to `next`. */
function lowerBlocker(input: DrainInput, { weight, target }: Step, next: number): Blocker | undefined {
  const { intent, live, others } = input;
  if (next === 0 && !others.some((o) => o.weight > 0)) {
    const how = 'Undrain or add another Cell first. Force does not help.';
    return { reason: 'LastCell', message: `No other Cell takes traffic, so this one cannot go to 0. ${how}` };
  }
  const over = input.suspect ? undefined : others.find((o) => o.weight > 0 && (o.errorRate ?? 0) > intent.maxErrorRate);
  if (over) {
    const rate = `More than ${intent.maxErrorRate * 100} % of the requests to ${over.name}, which takes over, failed in the last 10 s`;
    return { reason: 'ErrorBudget', message: `${rate}: going back a step.`, back: true };
  }
  if (intent.force) return undefined;
  if (!live) {
    return {
      reason: 'FiguresUnknown',
      message: 'No control plane tells how many sockets there are. Force goes on without.',
    };
  }
  const need = Math.ceil((live.sockets * (weight - target)) / weight);
  const room = roomOf(others);
  if (need <= room) return undefined;
  const message = `The other Ready cells have room for ${down(room)} sockets, and about ${up(need)} are to move. Add capacity, or force.`;
  return { reason: 'NoRoom', message };
}

/** Sockets that fit into the cells that take traffic and are Ready. */
export const roomOf = (others: readonly OtherCell[]): number =>
  others
    .filter((o) => o.ready && o.weight > 0 && o.sockets !== undefined)
    .reduce((sum, o) => sum + Math.max(0, o.capacity - (o.sockets ?? 0)), 0);

function raise(input: DrainInput, step: Step): DrainDecision {
  const { intent, live } = input;
  const drain = begun(input, 'Undraining', step);
  const startEvents = input.status.drain?.startedAt === drain.startedAt ? [] : [startEvent(input, step)];
  const waitMs = untilNextStep(drain, intent.stepIntervalMs, step.nowMs);
  const blocker = raiseBlocker(input, live?.errorRate);
  if (blocker) return blocked(input, { step, drain, blocker, waitMs, startEvents });
  if (waitMs > 0)
    return going(input, { step, weight: step.weight, drain: unblocked(drain), retryMs: waitMs, events: startEvents });
  const next = step.weight === 0 ? 1 : Math.min(step.target, step.weight + intent.stepPercent);
  const stepped = { ...unblocked(drain), lastStepAt: iso(step.nowMs) };
  return going(input, { step, weight: next, drain: stepped, retryMs: intent.stepIntervalMs, events: startEvents });
}

function raiseBlocker({ ready, intent }: DrainInput, errorRate: number | undefined): Blocker | undefined {
  if (errorRate !== undefined && errorRate > intent.maxErrorRate) {
    const message = `${(errorRate * 100).toFixed(0)} % of requests failed in the last 10 s: going back a step.`;
    return { reason: 'ErrorBudget', message, back: true };
  }
  if (ready || intent.force) return undefined;
  return { reason: 'NotReady', message: 'The Cell is not Ready: see its conditions.' };
}

/** Weight 0 is reached; sockets and slots still have to go. */
function empty(input: DrainInput, nowMs: number): DrainDecision {
  const before = input.status.drain;
  const { live } = input;
  const isEmpty = live !== undefined && live.sockets === 0 && live.slots === 0;
  // Once empty it stays Drained when the control plane is away: nothing new can have come at weight 0.
  if (isEmpty || (before?.phase === 'Drained' && live === undefined)) {
    const drain: DrainStatus = {
      ...withoutBlocker(before),
      phase: 'Drained',
      finishedAt: before?.finishedAt ?? iso(nowMs),
    };
    const events =
      before?.phase === 'Drained' ? [] : [normal('Drained', 'No traffic, no sockets and no slots are left.')];
    return {
      weight: 0,
      drain,
      events,
      retryMs: input.deleting ? undefined : 30_000,
      conditions: [
        condition('Draining', false, 'Drained', 'The drain is finished.'),
        condition('Drained', true, 'Empty', 'No traffic, no sockets and no slots are left.'),
        condition('CapacityBlocked', false, 'NotDraining', 'Nothing is to be moved.'),
      ],
    };
  }
  const blocker = live
    ? `${leftOver(live)} still have to leave`
    : 'no control plane tells whether sockets and slots are left';
  const drain = { ...begun(input, 'Draining', { weight: 0, target: 0, nowMs }), phase: 'Draining' as const, blocker };
  return going(input, { step: { weight: 0, target: 0, nowMs }, weight: 0, drain, retryMs: WAIT_MS, events: [] });
}

/** Without the numbers: they are live figures, and would be a write a second. */
function leftOver({ sockets, slots }: { sockets: number; slots: number }): string {
  return [...(sockets > 0 ? ['sockets'] : []), ...(slots > 0 ? ['slots'] : [])].join(' and ');
}

/** The target is reached, and is not 0. */
function finish(input: DrainInput, weight: number, nowMs: number): DrainDecision {
  const before = input.status.drain;
  const was = before?.phase ?? 'None';
  if (was === 'None') return rest(input, { weight, phase: 'None', retryMs: undefined });
  const undrained = input.intent.targetWeight === undefined;
  const reason = undrained ? 'Undrained' : 'TargetReached';
  return {
    ...rest(input, { weight, phase: 'None', retryMs: undefined }),
    drain: { ...timesOf(before), phase: 'None', finishedAt: iso(nowMs) },
    events: [normal(reason, `The weight is ${weight} %.`)],
  };
}

function rest(input: DrainInput, at: { weight: number; phase: 'None'; retryMs: number | undefined }): DrainDecision {
  const partial = input.intent.targetWeight !== undefined;
  return {
    weight: at.weight,
    drain: { ...timesOf(input.status.drain), phase: at.phase },
    events: [],
    retryMs: at.retryMs,
    conditions: [
      partial
        ? condition('Draining', false, 'TargetReached', 'The weight is at spec.drain.targetWeight.')
        : condition('Draining', false, 'NotDraining', 'The Cell takes its normal weight.'),
      condition('Drained', false, 'TakesTraffic', 'The Cell takes its share of the traffic.'),
      condition('CapacityBlocked', false, 'NotDraining', 'Nothing is to be moved.'),
    ],
  };
}

/** The times of the last drain; its last step still counts for the pace of the next. */
const timesOf = ({ startedAt, lastStepAt, finishedAt }: DrainStatus = {}): DrainStatus => ({
  ...(startedAt ? { startedAt } : {}),
  ...(lastStepAt ? { lastStepAt } : {}),
  ...(finishedAt ? { finishedAt } : {}),
});

interface Going {
  step: Step;
  weight: number;
  drain: DrainStatus;
  retryMs: number;
  events: DrainDecision['events'];
}

function going(input: DrainInput, { step, weight, drain, retryMs, events }: Going): DrainDecision {
  const up = drain.phase === 'Undraining';
  const { stepPercent, stepIntervalMs } = input.intent;
  const pace = `towards ${step.target} % by ${stepPercent} % every ${stepIntervalMs} ms`;
  const draining = up
    ? condition('Draining', false, 'Undraining', `Traffic comes back ${pace}.`)
    : condition('Draining', true, 'Draining', drain.blocker ? `Waits: ${drain.blocker}.` : `Traffic leaves ${pace}.`);
  const drained = up
    ? condition('Drained', false, 'Undraining', 'Traffic comes back.')
    : condition('Drained', false, 'Draining', 'The drain goes on.');
  const room = condition('CapacityBlocked', false, 'RoomEnough', 'The other cells have room, or none is needed.');
  return { weight, drain, events, retryMs, conditions: [draining, drained, room] };
}

interface Blocked {
  step: Step;
  drain: DrainStatus;
  blocker: Blocker;
  waitMs: number;
  startEvents: DrainDecision['events'];
}

function blocked(input: DrainInput, { step, drain, blocker, waitMs, startEvents }: Blocked): DrainDecision {
  const { intent, status } = input;
  const up = drain.fromWeight === undefined;
  const retryMs = Math.max(waitMs, WAIT_MS);
  const isNew = status.drain?.phase !== 'Blocked';
  const weight = blocker.back && waitMs === 0 ? steppedBack(input, step, up) : step.weight;
  const moved = weight === step.weight ? {} : { lastStepAt: iso(step.nowMs) };
  const capacity = blocker.reason === 'NoRoom' || blocker.reason === 'FiguresUnknown' || blocker.reason === 'LastCell';
  const events = isNew
    ? [...startEvents, { type: 'Warning' as const, reason: blocker.reason, note: blocker.message }]
    : startEvents;
  return {
    weight,
    drain: { ...drain, ...moved, phase: 'Blocked', blocker: blocker.message },
    events,
    retryMs: Math.min(retryMs, Math.max(WAIT_MS, intent.stepIntervalMs)),
    conditions: [
      condition('Draining', !up, blocker.reason, blocker.message),
      condition('Drained', false, up ? 'Undraining' : 'Draining', blocker.message),
      capacity
        ? condition('CapacityBlocked', true, blocker.reason, blocker.message)
        : condition('CapacityBlocked', false, 'RoomEnough', 'Room is not what it waits for.'),
    ],
  };
}

/** A drain goes back towards where it began, an undrain towards 0, unless nobody else takes traffic. */
function steppedBack(input: DrainInput, { weight, target }: Step, up: boolean): number {
  const { stepPercent } = input.intent;
  if (!up) return Math.min(weight + stepPercent, input.status.drain?.fromWeight ?? weight);
  const floor = input.others.some((o) => o.weight > 0) ? 0 : Math.min(1, target);
  return Math.max(floor, weight - stepPercent);
}

/** The drain's own record, new when the direction is. Blocked goes on in the direction that it had. */
function begun(input: DrainInput, direction: 'Draining' | 'Undraining', { weight, nowMs }: Step): DrainStatus {
  const before = input.status.drain;
  const wasUp = before?.phase === 'Undraining' || (before?.phase === 'Blocked' && before.fromWeight === undefined);
  // Drained as well: sockets or slots that come back to it are sent away by the same drain.
  const wasDown =
    before?.phase === 'Draining' ||
    (before?.phase === 'Drained' && weight === 0) ||
    (before?.phase === 'Blocked' && before.fromWeight !== undefined);
  const goesOn = direction === 'Draining' ? wasDown : wasUp;
  if (before && goesOn) {
    const { finishedAt: _, ...rest } = before;
    return { ...rest, phase: direction };
  }
  const lastStepAt = before?.lastStepAt; // a turn is no excuse for an early step
  return {
    phase: direction,
    startedAt: iso(nowMs),
    ...(lastStepAt ? { lastStepAt } : {}),
    ...(direction === 'Draining' ? { fromWeight: Math.max(1, weight) } : {}),
  };
}

const unblocked = (drain: DrainStatus): DrainStatus => withoutBlocker(drain);

function withoutBlocker(drain: DrainStatus | undefined): DrainStatus {
  const { blocker: _, ...rest } = drain ?? {};
  return rest;
}

/** A wall clock that went back costs at most one interval. */
function untilNextStep(drain: DrainStatus, intervalMs: number, nowMs: number): number {
  if (drain.lastStepAt === undefined) return 0;
  const waitMs = Date.parse(drain.lastStepAt) + intervalMs - nowMs;
  return Number.isFinite(waitMs) ? Math.min(Math.max(0, waitMs), intervalMs) : 0;
}

function startEvent(input: DrainInput, { weight, target }: Step): DrainDecision['events'][number] {
  const why = input.deleting ? 'the Cell is being deleted' : (input.intent.reason ?? 'no reason given');
  return target < weight
    ? normal('DrainStarted', `From ${weight} % to ${target} %: ${why}.`)
    : normal('UndrainStarted', `From ${weight} % to ${target} %.`);
}

const normal = (reason: string, note: string): DrainDecision['events'][number] => ({ type: 'Normal', reason, note });
const iso = (ms: number): string => new Date(ms).toISOString();

/** Two digits are enough to see the size, and do not change with every socket. */
const up = (n: number): number => coarse(n, Math.ceil);
const down = (n: number): number => coarse(n, Math.floor);
function coarse(n: number, round: (n: number) => number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, n))) - 1);
  return round(n / unit) * unit;
}
