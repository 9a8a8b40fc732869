/** Three Cells and a practice as tests begin, and a world in which they go on: drains as the drain controller would. */
import { decidePractice } from './decide.ts';
import type { DrainSpec, PracticeCell, PracticeDecision, PracticeInput, PracticeSpec } from './model.ts';

export const MINUTE = 60_000;
/** A Tuesday, a minute before the schedule. */
export const T0 = Date.UTC(2026, 2, 3, 9, 59);
export const DUE = T0 + MINUTE;

export const cellOf = (name: string, changes: Partial<PracticeCell> = {}): PracticeCell => ({
  ...{ name, generation: 1, deleting: false, ready: true, degraded: false, suspect: false },
  ...{ weight: 100, normalWeight: 100, phase: 'None', blocked: undefined },
  drain: { mode: 'Manual', stepPercent: 1, stepInterval: '2s', maxErrorRate: '0.01' },
  ...{ capacity: 5000, sockets: 100, errorRate: 0 },
  ...changes,
});

export const specOf = (changes: Partial<PracticeSpec> = {}): PracticeSpec => ({
  ...{ cells: ['cell-b', 'cell-c'], schedule: '0 10 * * 2', timeZone: 'UTC', runAtMs: undefined, suspend: false },
  ...{ startingDeadlineMs: 5 * MINUTE, hypothesis: 'no request fails' },
  ...{ targetWeight: 0, stepPercent: 25, stepInterval: '1s', holdMs: 2 * MINUTE },
  ...{ maxErrorRate: 0.01, maxDurationMs: 30 * MINUTE, capacityFloor: 0.5, historyLimit: 3 },
  ...changes,
});

export class PracticeWorld {
  readonly cells = ['cell-a', 'cell-b', 'cell-c'].map((name) => cellOf(name));
  readonly inputs = new Map<string, PracticeInput>();
  readonly events: string[] = [];
  nowMs = T0;

  constructor(specs: Record<string, PracticeSpec> = { weekly: specOf() }) {
    for (const [name, spec] of Object.entries(specs))
      this.inputs.set(name, {
        ...{ name, createdMs: T0 - MINUTE, deleting: false, finalized: true, spec, status: {}, cells: this.cells },
        otherRunning: undefined,
      });
  }

  cell(name: string): PracticeCell {
    return this.cells.find((c) => c.name === name)!;
  }
  status(name = 'weekly'): PracticeInput['status'] {
    return this.inputs.get(name)?.status ?? {};
  }

  /** spec.drain, as anybody may set it. */
  setDrain(name: string, drain: DrainSpec): void {
    const cell = this.cell(name);
    if (JSON.stringify(cell.drain) === JSON.stringify(drain)) return;
    cell.drain = drain;
    cell.generation++;
  }

  /** One decision of one practice, carried out; its status is what survives a restart. */
  decide(name = 'weekly'): PracticeDecision | undefined {
    const input = this.inputs.get(name);
    if (!input) return undefined;
    const other = [...this.inputs.values()].find((i) => i !== input && i.status.run !== undefined);
    const decision = decidePractice({ ...input, otherRunning: other?.name }, this.nowMs);
    if (decision.kind === 'release') this.inputs.delete(name);
    if (decision.kind === 'cell') this.setDrain(decision.name, decision.drain);
    if (decision.kind === 'status') {
      const conditions = decision.status.conditions.map((c) => ({ ...c, lastTransitionTime: '' }));
      const status = JSON.parse(JSON.stringify({ ...decision.status, conditions })) as PracticeInput['status'];
      this.inputs.set(name, { ...input, status });
      this.events.push(...decision.events.map((e) => e.reason));
    }
    return decision;
  }

  /** The drain controller's part for `ms`, a step a second; sockets and slots leave at once. */
  pass(ms: number): void {
    this.nowMs += ms;
    for (const cell of this.cells) {
      const { targetWeight, stepPercent = 1, paused } = cell.drain;
      const target = targetWeight ?? cell.normalWeight;
      if (paused && cell.weight !== target) cell.phase = 'Paused';
      else {
        const step = Math.min(Math.abs(target - cell.weight), stepPercent * Math.ceil(ms / 1000));
        if (step > 0) cell.phase = target > cell.weight ? 'Undraining' : 'Draining';
        else cell.phase = targetWeight === 0 ? 'Drained' : 'None';
        cell.weight += Math.sign(target - cell.weight) * step;
      }
    }
  }

  /** Decisions and time until `done`. */
  run(done: () => boolean, limit = 10_000): void {
    for (let i = 0; i < limit; i++) {
      if (done()) return;
      for (const name of [...this.inputs.keys()]) this.decide(name);
      this.pass(1000);
    }
    throw new Error(`not done: ${JSON.stringify([...this.inputs.values()].map((i) => i.status))}`);
  }
}
