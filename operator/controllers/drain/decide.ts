/**
 * The drain of one Cell as a state machine over its status alone, so that a new leader goes on where the old one
 * stopped. Pure. What must stay true: the weight changes by at most one step an interval; the weights of all cells never
 * sum to zero; nothing moves to where there is no room, or by figures that nobody has, or while it is paused.
 */
import { type Blocker, lowerBlocker, raiseBlocker } from './guards.ts';
import {
  type DrainDecision,
  type DrainEvent,
  type DrainInput,
  type DrainStatus,
  type Step,
  targetOf,
} from './model.ts';
import { begun, forced, iso, timesOf, unblocked, untilNextStep, waiting } from './record.ts';
import { waitForSlots } from './slots-first.ts';
import * as say from './words.ts';

const WAIT_MS = 1000;
const DRAINED_MS = 30_000;

/** Only an intent to drain to 0 empties the cell; a cell whose normal weight is 0 keeps its sockets. */
const empties = (input: DrainInput): boolean => input.deleting || input.intent.targetWeight === 0;

export function decideDrain(input: DrainInput, nowMs: number): DrainDecision {
  return say.withDeadline(input, decideStep(input, nowMs), nowMs);
}

function decideStep(input: DrainInput, nowMs: number): DrainDecision {
  const { weight } = input.status;
  const target = targetOf(input);
  if (weight === undefined) return say.rest(input, input.normalWeight, 0);
  if (weight !== target) return move(input, { weight, target, nowMs });
  return empties(input) ? empty(input, nowMs) : finish(input, weight, nowMs);
}

/** One step towards the target, or the reason why there is none. */
function move(input: DrainInput, step: Step): DrainDecision {
  const { stepPercent, stepIntervalMs, force, paused } = input.intent;
  const { weight, target, nowMs } = step;
  const up = target > weight;
  const record = begun(input, up ? 'Undraining' : 'Draining', step);
  const opening = say.opening(input, step, record);
  if (paused) return standStill(input, step, record, opening);
  const slots = up ? undefined : waitForSlots(input, record, nowMs);
  if (slots !== undefined) {
    const drain = waiting(record, input.status.drain, { phase: 'Draining', blocker: slots, nowMs });
    return say.going(input, { step, weight, drain, retryMs: WAIT_MS, events: opening });
  }
  const waitMs = untilNextStep(record, stepIntervalMs, nowMs);
  const next = up ? raised(step, stepPercent) : Math.max(target, weight - stepPercent);
  const blocker = up ? raiseBlocker(input) : lowerBlocker(input, step, next);
  const goesPast = blocker?.forceable && force ? blocker : undefined;
  if (blocker && !goesPast) return blocked(input, { step, record, blocker, waitMs, opening });
  const drain = forced(unblocked(record), input, goesPast, nowMs);
  const events = [...opening, ...say.forced(input, drain, goesPast)];
  if (waitMs > 0) return say.going(input, { step, weight, drain, retryMs: waitMs, events });
  const stepped = { ...drain, lastStepAt: iso(nowMs) };
  return say.going(input, { step, weight: next, drain: stepped, retryMs: stepIntervalMs, events });
}

const raised = ({ weight, target }: Step, stepPercent: number): number =>
  weight === 0 ? 1 : Math.min(target, weight + stepPercent);

/** Weight 0 is reached; sockets and slots still have to go. */
function empty(input: DrainInput, nowMs: number): DrainDecision {
  const before = input.status.drain;
  const { live } = input;
  const isEmpty = live !== undefined && live.sockets === 0 && live.slots === 0;
  // Once empty it stays Drained when the control plane is away: nothing new can have come at weight 0.
  if (isEmpty || (before?.phase === 'Drained' && live === undefined)) {
    const { deadline: _, ...record } = unblocked(before);
    const drain: DrainStatus = { ...record, phase: 'Drained', finishedAt: before?.finishedAt ?? iso(nowMs) };
    return say.drained(input, drain, input.deleting ? undefined : DRAINED_MS);
  }
  const step = { weight: 0, target: 0, nowMs };
  const record = begun(input, 'Draining', step);
  const opening = say.opening(input, step, record);
  if (input.intent.paused) return standStill(input, step, record, opening);
  const blocker = live
    ? `${say.leftOver(live)} still have to leave`
    : 'no control plane tells whether sockets and slots are left';
  const drain = waiting(record, before, { phase: 'Draining', blocker, nowMs });
  return say.going(input, { step, weight: 0, drain, retryMs: WAIT_MS, events: opening });
}

/** The target is reached, and is not 0. */
function finish(input: DrainInput, weight: number, nowMs: number): DrainDecision {
  const before = input.status.drain;
  const atRest = say.rest(input, weight, undefined);
  if ((before?.phase ?? 'None') === 'None') return atRest;
  const drain = { ...timesOf(before), phase: 'None' as const, finishedAt: iso(nowMs) };
  return { ...atRest, drain, events: [say.reached(input, weight)] };
}

function standStill(input: DrainInput, step: Step, record: DrainStatus, opening: DrainEvent[]): DrainDecision {
  const blocker = say.pauseOf(input, step);
  const drain = waiting(record, input.status.drain, { phase: 'Paused', blocker, nowMs: step.nowMs });
  return say.paused(input, { step, drain, events: opening });
}

interface Blocked {
  step: Step;
  record: DrainStatus;
  blocker: Blocker;
  waitMs: number;
  opening: DrainEvent[];
}

function blocked(input: DrainInput, { step, record, blocker, waitMs, opening }: Blocked): DrainDecision {
  const up = record.fromWeight === undefined;
  const weight = blocker.back && waitMs === 0 ? steppedBack(input, step, up) : step.weight;
  const moved = weight === step.weight ? {} : { lastStepAt: iso(step.nowMs) };
  const wait = { phase: 'Blocked' as const, blocker: blocker.message, nowMs: step.nowMs };
  const drain = { ...waiting(record, input.status.drain, wait), ...moved };
  const retryMs = Math.min(Math.max(waitMs, WAIT_MS), Math.max(WAIT_MS, input.intent.stepIntervalMs));
  return say.blocked(input, { weight, drain, retryMs, events: opening }, blocker);
}

/** A drain goes back towards where it began, an undrain towards 0, unless nobody else takes traffic. */
function steppedBack(input: DrainInput, { weight, target }: Step, up: boolean): number {
  const { stepPercent } = input.intent;
  if (!up) return Math.min(weight + stepPercent, input.status.drain?.fromWeight ?? weight);
  const floor = input.others.some((o) => o.weight > 0) ? 0 : Math.min(1, target);
  return Math.max(floor, weight - stepPercent);
}
