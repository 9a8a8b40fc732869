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
  if (drain.targetWeight !== undefined)
    return { condition: say('Draining', 'The Cell is drained. Undrain it when the zone is well.'), drain: undefined };
  // It was drained in this episode and is so no longer: a person has decided otherwise.
  if (before?.status === 'True' && (before.reason === 'Draining' || before.reason === 'Overruled'))
    return {
      condition: say('Overruled', 'It was undrained, and is left alone until the zone is well.'),
      drain: undefined,
    };
  if (wait) return { condition: say(wait.reason, wait.message), drain: undefined };
  const reason = `Gray failure: ${evidence}`;
  return {
    condition: say('Draining', 'The Cell is drained. Undrain it when the zone is well.'),
    drain: { targetWeight: 0, initiator: TYPE, reason, ...NO_PERSON },
  };
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
/** Whether the Cell's zone is suspect, as its condition says. */
export const isSuspect = (cell: Cell): boolean => conditionOf(cell)?.status === 'True';
