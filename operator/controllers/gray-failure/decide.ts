/**
 * What a suspect zone means for one of its Cells. Pure. What must stay true: one automatic drain an episode, so that a
 * person who undrains is not contradicted; one zone at a time; never below the capacity floor.
 */
import type { BadZone } from '../../../cells/health/judge.ts';
import type { Cell } from '../../../crds/index.ts';
import { type Condition, condition, type NewCondition } from '../../runtime/conditions.ts';

export type DrainSpec = NonNullable<Cell['spec']['drain']>;

export interface GrayFailureInput {
  zone: string;
  deleting: boolean;
  drain: DrainSpec;
  /** The Cell's condition GrayFailure as it stands. */
  before: Pick<Condition, 'status' | 'reason' | 'message'> | undefined;
  /** Undefined while the zone is not suspect. `evidence` is known to the process that found it out. */
  suspect: { evidence: BadZone | undefined } | undefined;
  /** Another zone with a Cell that drains by itself. */
  drainingZone: string | undefined;
  /** Share of all capacity that stays in service without this zone, 0–1. */
  remainingCapacity: number;
  /** The least that has to. */
  capacityFloor: number;
}

interface AutomaticDrain {
  targetWeight: 0;
  initiator: 'GrayFailure';
  reason: string;
}
const NO_PERSON = { requestedBy: null, paused: null, pauseReason: null } as const;

export interface GrayFailureDecision {
  condition: NewCondition;
  /** Merged into spec.drain: its own intent, and nothing left over from a person's that would hold it up. */
  drain: (AutomaticDrain & typeof NO_PERSON) | undefined;
}

const TYPE = 'GrayFailure';

export function decideGrayFailure(input: GrayFailureInput): GrayFailureDecision {
  const { zone, before, suspect, drain } = input;
  if (!suspect) {
    const message = `Requests to and from ${zone} succeed as often as elsewhere.`;
    return { condition: condition(TYPE, false, 'Healthy', message), drain: undefined };
  }
  // The figures of the moment when it was found out: they change all the time, and would be a write each.
  const evidence = suspect.evidence ? describe(suspect.evidence) : firstSentence(before) || `${zone} is failing.`;
  const wait = blockerOf(input);
  const say = (reason: string, rest: string): NewCondition => condition(TYPE, true, reason, `${evidence} ${rest}`);
  const present = presentDrain(drain);
  if (present) return { condition: say(present.reason, present.message), drain: undefined };
  // It was drained in this episode and is so no longer: a person has decided otherwise.
  if (before?.status === 'True' && UNDRAINED_SINCE.includes(before.reason))
    return {
      condition: say('Overruled', 'It was undrained, and is left alone until the zone is well.'),
      drain: undefined,
    };
  if (wait) return { condition: say(wait.reason, wait.message), drain: undefined };
  const reason = `Gray failure: ${evidence}`;
  return {
    condition: say('Draining', DRAINED),
    drain: { targetWeight: 0, initiator: TYPE, reason, ...NO_PERSON },
  };
}

const DRAINED = 'The Cell is drained. Undrain it when the zone is well.';
/** What the condition said while there was a drain, or since there has been none. */
const UNDRAINED_SINCE = ['Draining', 'DrainPaused', 'PartlyDrained', 'Overruled'];

/** The drain that there is already. A person's stays as the person wants it: what it leaves in the zone is said. */
function presentDrain({ targetWeight, paused }: DrainSpec): { reason: string; message: string } | undefined {
  if (targetWeight === undefined) return undefined;
  if (paused) return { reason: 'DrainPaused', message: 'Its drain is paused: chatctl resume lets it go on.' };
  if (targetWeight === 0) return { reason: 'Draining', message: DRAINED };
  const message = `It is drained to ${targetWeight} % only, and the rest stays in the zone: chatctl drain takes it out too.`;
  return { reason: 'PartlyDrained', message };
}

/** Why the Cell is not drained by itself. */
function blockerOf(input: GrayFailureInput): { reason: string; message: string } | undefined {
  const { deleting, drain, drainingZone, remainingCapacity, capacityFloor } = input;
  if (deleting) return { reason: 'Deleting', message: 'The Cell is being deleted, which drains it.' };
  if (drain.mode !== 'Auto')
    return { reason: 'Manual', message: 'Drain it with chatctl drain, or set spec.drain.mode to Auto.' };
  if (drainingZone !== undefined)
    return { reason: 'OneZoneAtATime', message: `${drainingZone} drains by itself: one zone at a time.` };
  if (remainingCapacity < capacityFloor) {
    const percent = (share: number): string => `${Math.round(share * 100)} %`;
    const left = `Without it ${percent(remainingCapacity)} of the capacity would be in service`;
    return {
      reason: 'CapacityFloor',
      message: `${left}, less than ${percent(capacityFloor)}. Add capacity, or drain it by hand.`,
    };
  }
  return undefined;
}

function describe({ zone, observers, hops, errorRate }: BadZone): string {
  const rate = Math.max(1, Math.round(errorRate * 100));
  return `About ${rate} % of requests between ${zone} and the other zones fail (${hops.join(', ')}), as seen from ${observers.join(' and ')}.`;
}

const firstSentence = (before: GrayFailureInput['before']): string =>
  before?.status === 'True' ? (/^.*?\.(?= |$)/.exec(before.message)?.[0] ?? '') : '';

export const conditionOf = ({ status }: Cell): Condition | undefined =>
  status?.conditions?.find((c) => c.type === TYPE);
