/** A cell of three that is to be drained, as its tests begin. */
import type { DrainDecision, DrainInput, OtherCell } from './model.ts';

export const T0 = Date.UTC(2026, 0, 1);
export const STEP_MS = 2000;

export const room = (name: string, changes: Partial<OtherCell> = {}): OtherCell => ({
  name,
  weight: 100,
  ready: true,
  capacity: 5000,
  sockets: 100,
  normalWeight: 100,
  targetWeight: 100,
  drainingSince: undefined,
  errorRate: 0,
  ...changes,
});

export function input(
  changes: Omit<Partial<DrainInput>, 'intent'> & { intent?: Partial<DrainInput['intent']> } = {},
): DrainInput {
  const { intent, ...rest } = changes;
  return {
    name: 'cell-b',
    deleting: false,
    ready: true,
    suspect: false,
    normalWeight: 100,
    status: { weight: 100, drain: { phase: 'None' } },
    live: { sockets: 1000, slots: 5000, errorRate: 0 },
    others: [room('cell-a'), room('cell-c')],
    ...rest,
    intent: {
      targetWeight: 0,
      stepPercent: 1,
      stepIntervalMs: STEP_MS,
      maxErrorRate: 0.01,
      deadlineMs: undefined,
      paused: false,
      pauseReason: undefined,
      reason: undefined,
      requestedBy: undefined,
      force: false,
      ...intent,
    },
  };
}
export const status = (d: DrainDecision): DrainInput['status'] => ({
  weight: d.weight,
  drain: d.drain,
  conditions: d.conditions.map((c) => ({ ...c, lastTransitionTime: '' })),
});
export const reasons = (d: DrainDecision): string[] => d.events.map((e) => e.reason);
export const conditionOf = (d: DrainDecision, type: string) => d.conditions.find((c) => c.type === type);
