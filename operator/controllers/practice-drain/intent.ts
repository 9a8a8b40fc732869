/** Cell.spec.drain during a practice, and after it. Pure. */
import type { DrainSpec, PracticeInput, Run } from './model.ts';

const INITIATOR = 'PracticeDrain';
/** Traffic that has to come back comes no slower than this. */
const HURRY_MS = 500;
const HURRY = '500ms';
const MAX_REASON = 1024;

/** The drain of the run, as nobody else has changed it. */
export const isDraining = (drain: DrainSpec, run: Run): boolean =>
  drain.initiator === INITIATOR && drain.targetWeight === run.targetWeight;

/** The undrain of the run. */
export const isUndraining = (drain: DrainSpec): boolean =>
  drain.initiator === INITIATOR && drain.targetWeight === undefined;

export function paceOf({ stepPercent, stepInterval, maxErrorRate, deadline }: DrainSpec): NonNullable<Run['pace']> {
  return present({ stepPercent, stepInterval, maxErrorRate, deadline });
}

export function drainIntent(drain: DrainSpec, { name, spec }: PracticeInput): DrainSpec {
  const { deadline: _, requestedBy: __, pauseReason: ___, ...kept } = drain;
  return {
    ...kept,
    targetWeight: spec.targetWeight,
    stepPercent: spec.stepPercent,
    stepInterval: spec.stepInterval,
    maxErrorRate: decimal(spec.maxErrorRate),
    reason: `Practice ${name}: ${spec.hypothesis}`.slice(0, MAX_REASON),
    initiator: INITIATOR,
    paused: false,
    force: false,
  };
}

/** `hurry`: the practice was given up. */
export function undrainIntent(
  drain: DrainSpec,
  { hurry, intervalMs }: { hurry: boolean; intervalMs: number },
): DrainSpec {
  const { targetWeight: _, reason: __, ...rest } = drain;
  const kept = unforced(rest);
  return hurry && intervalMs > HURRY_MS ? { ...kept, stepInterval: HURRY } : kept;
}

/** The practice has no part in it any more: the Cell has its own pace again. */
export function released(drain: DrainSpec, run: Run): DrainSpec {
  const { initiator: _, targetWeight: __, reason: ___, ...kept } = drain;
  const { stepPercent: a, stepInterval: b, maxErrorRate: c, deadline: d, ...rest } = kept;
  return { ...unforced(rest), ...run.pace };
}

/** The drain stays, as that of whoever has reason to keep it. */
export function handedOver(drain: DrainSpec, run: Run, to: 'GrayFailure' | 'person', why: string): DrainSpec {
  const { initiator: _, ...kept } = drain;
  const reason = why.slice(0, MAX_REASON);
  if (to === 'person') return { ...kept, ...run.pace, reason };
  return { ...kept, ...run.pace, reason, targetWeight: 0, initiator: 'GrayFailure' };
}

/** Somebody may have forced the practice on; without a reason, which goes, the API server refuses that. */
const unforced = (drain: DrainSpec): DrainSpec => (drain.force ? { ...drain, force: false } : drain);

/** As the Cell's schema has it: never with an exponent. */
const decimal = (share: number): string => share.toFixed(9).replace(/\.?0+$/, '');

const present = <T extends object>(object: T): { [K in keyof T]?: NonNullable<T[K]> } =>
  Object.fromEntries(Object.entries(object).filter(([, v]) => v !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
