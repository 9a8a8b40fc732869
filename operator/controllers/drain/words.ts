/** A drain's state as conditions and Events. Pure. No text has a number that changes by the second: each is a write. */
import { condition, type NewCondition } from '../../runtime/conditions.ts';
import type { Blocker } from './guards.ts';
import type { DrainDecision, DrainEvent, DrainInput, DrainStatus, Step } from './model.ts';
import { timesOf } from './record.ts';

/** What a decision about a drain under way has come to. */
interface UnderWay {
  weight: number;
  drain: DrainStatus;
  retryMs: number;
  events: DrainEvent[];
}

const NOTHING_TO_MOVE = condition('CapacityBlocked', false, 'NotDraining', 'Nothing is to be moved.');
const LONGEST_WAIT_MS = 3_600_000;

export function rest(input: DrainInput, weight: number, retryMs: number | undefined): DrainDecision {
  const partial = input.intent.targetWeight !== undefined;
  return {
    weight,
    drain: { ...timesOf(input.status.drain), phase: 'None' },
    events: [],
    retryMs,
    conditions: [
      partial
        ? condition('Draining', false, 'TargetReached', 'The weight is at spec.drain.targetWeight.')
        : condition('Draining', false, 'NotDraining', 'The Cell takes its normal weight.'),
      condition('Drained', false, 'TakesTraffic', 'The Cell takes its share of the traffic.'),
      NOTHING_TO_MOVE,
    ],
  };
}

export function drained(input: DrainInput, drain: DrainStatus, retryMs: number | undefined): DrainDecision {
  const message = 'No traffic, no sockets and no slots are left.';
  return {
    weight: 0,
    drain,
    events: input.status.drain?.phase === 'Drained' ? [] : [normal('Drained', message)],
    retryMs,
    conditions: [
      condition('Draining', false, 'Drained', 'The drain is finished.'),
      condition('Drained', true, 'Empty', message),
      NOTHING_TO_MOVE,
    ],
  };
}

export function going(
  input: DrainInput,
  { step, weight, drain, retryMs, events }: UnderWay & { step: Step },
): DrainDecision {
  const up = drain.phase === 'Undraining';
  const { stepPercent, stepIntervalMs } = input.intent;
  const pace = `towards ${step.target} % by ${stepPercent} % every ${stepIntervalMs} ms`;
  const draining = up
    ? condition('Draining', false, 'Undraining', `Traffic comes back ${pace}.`)
    : condition('Draining', true, 'Draining', drain.blocker ? `Waits: ${drain.blocker}.` : `Traffic leaves ${pace}.`);
  const isDrained = up
    ? condition('Drained', false, 'Undraining', 'Traffic comes back.')
    : condition('Drained', false, 'Draining', 'The drain goes on.');
  const room = condition('CapacityBlocked', false, 'RoomEnough', 'The other cells have room, or none is needed.');
  return { weight, drain, events, retryMs, conditions: [draining, isDrained, room] };
}

const CAPACITY = ['NoRoom', 'FiguresUnknown', 'LastCell'];

export function blocked(input: DrainInput, at: UnderWay, { reason, message }: Blocker): DrainDecision {
  const up = at.drain.fromWeight === undefined;
  const isNew = input.status.drain?.phase !== 'Blocked';
  return {
    ...at,
    events: isNew ? [...at.events, warning(reason, message)] : at.events,
    conditions: [
      condition('Draining', !up, reason, message),
      condition('Drained', false, up ? 'Undraining' : 'Draining', message),
      CAPACITY.includes(reason)
        ? condition('CapacityBlocked', true, reason, message)
        : condition('CapacityBlocked', false, 'RoomEnough', 'Room is not what it waits for.'),
    ],
  };
}

export function pauseOf({ name, intent }: DrainInput, { weight, target }: Step): string {
  const why = intent.pauseReason === undefined ? '' : `: ${intent.pauseReason}`;
  const at = weight === target ? `at ${weight} %` : `at ${weight} % on the way to ${target} %`;
  return `Paused ${at}${why}. chatctl resume ${name} goes on.`;
}

/** Nothing changes before somebody resumes it. */
export function paused(
  input: DrainInput,
  { step, drain, events }: Omit<UnderWay & { step: Step }, 'weight' | 'retryMs'>,
): DrainDecision {
  const up = drain.fromWeight === undefined;
  const message = drain.blocker ?? '';
  return {
    weight: step.weight,
    drain,
    events: input.status.drain?.phase === 'Paused' ? events : [...events, normal('Paused', message)],
    retryMs: undefined,
    conditions: [
      condition('Draining', !up, 'Paused', message),
      condition('Drained', false, 'Paused', message),
      condition('CapacityBlocked', false, 'Paused', 'Room is not what it waits for.'),
    ],
  };
}

/** Says whether it is late, once, and has it looked at when it will be. */
export function withDeadline(input: DrainInput, decision: DrainDecision, nowMs: number): DrainDecision {
  const { deadline, blocker } = decision.drain;
  const judged = (c: NewCondition): NewCondition[] => [...decision.conditions, c];
  if (deadline === undefined)
    return {
      ...decision,
      conditions: judged(condition('DrainOverdue', false, 'NotDraining', 'Nothing is to be moved.')),
    };
  const leftMs = Date.parse(deadline) - nowMs;
  if (leftMs > 0) {
    const retryMs = Math.min(decision.retryMs ?? LONGEST_WAIT_MS, leftMs);
    return {
      ...decision,
      retryMs,
      conditions: judged(condition('DrainOverdue', false, 'InTime', 'Its deadline is to come.')),
    };
  }
  const message = `It was to be finished by ${deadline}, and ${blocker ? `waits: ${blocker}` : 'still moves'}`;
  const late = condition('DrainOverdue', true, 'DeadlineExceeded', message.endsWith('.') ? message : `${message}.`);
  const isNew = !input.status.conditions?.some((c) => c.type === late.type && c.status === 'True');
  return {
    ...decision,
    conditions: judged(late),
    events: isNew ? [...decision.events, warning(late.reason, late.message)] : decision.events,
  };
}

/** Events of its beginning, and of its going on after a pause. */
export function opening(input: DrainInput, { weight, target }: Step, { startedAt }: DrainStatus): DrainEvent[] {
  const before = input.status.drain;
  if (before?.startedAt === startedAt)
    return before?.phase === 'Paused' && !input.intent.paused
      ? [normal('Resumed', `From ${weight} % to ${target} %.`)]
      : [];
  if (before?.phase === 'Drained' && weight === target)
    return [normal('DrainReopened', 'Sockets or slots came back, and are sent away again.')];
  const { reason, requestedBy } = input.intent;
  const who = requestedBy === undefined ? '' : ` by ${requestedBy}`;
  const why = input.deleting ? 'the Cell is being deleted' : (reason ?? 'no reason given');
  return target < weight
    ? [normal('DrainStarted', `From ${weight} % to ${target} %${who}: ${why}.`)]
    : [normal('UndrainStarted', `From ${weight} % to ${target} %${who}.`)];
}

/** When force is used for the first time, and when it first goes past a guard. */
export function forced(input: DrainInput, drain: DrainStatus, past: Blocker | undefined): DrainEvent[] {
  const before = input.status.drain?.startedAt === drain.startedAt ? input.status.drain?.forced : undefined;
  if (drain.forced === undefined || (before !== undefined && before.past === drain.forced.past)) return [];
  const { by = 'somebody unnamed', reason = 'no reason given' } = drain.forced;
  const guard = past === undefined ? 'No guard holds it now.' : `It goes past ${past.reason}: ${past.message}`;
  return [warning('DrainForced', `Forced by ${by}: ${reason}. ${guard}`)];
}

export function reached(input: DrainInput, weight: number): DrainEvent {
  const undrained = input.intent.targetWeight === undefined;
  return normal(undrained ? 'Undrained' : 'TargetReached', `The weight is ${weight} %.`);
}

/** Without the numbers. */
export function leftOver({ sockets, slots }: { sockets: number; slots: number }): string {
  return [...(sockets > 0 ? ['sockets'] : []), ...(slots > 0 ? ['slots'] : [])].join(' and ');
}

const normal = (reason: string, note: string): DrainEvent => ({ type: 'Normal', reason, note });
const warning = (reason: string, note: string): DrainEvent => ({ type: 'Warning', reason, note });
