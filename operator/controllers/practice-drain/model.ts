/** What a practice drain is decided from, and what a decision says. */
import type { Cell, PracticeDrainStatus } from '../../../crds/index.ts';
import type { NewCondition } from '../../runtime/conditions.ts';

export type DrainSpec = NonNullable<Cell['spec']['drain']>;
export type Run = NonNullable<PracticeDrainStatus['run']>;
export type RunRecord = NonNullable<PracticeDrainStatus['lastRun']>;

export interface PracticeInput {
  name: string;
  createdMs: number;
  deleting: boolean;
  finalized: boolean;
  spec: PracticeSpec;
  status: PracticeDrainStatus;
  /** All Cells of the namespace. */
  cells: readonly PracticeCell[];
  /** Another PracticeDrain that has a run under way. */
  otherRunning: string | undefined;
}

/** PracticeDrain.spec with its defaults and in milliseconds. */
export interface PracticeSpec {
  cells: readonly string[];
  schedule: string | undefined;
  timeZone: string;
  runAtMs: number | undefined;
  suspend: boolean;
  startingDeadlineMs: number;
  hypothesis: string;
  targetWeight: number;
  stepPercent: number;
  stepInterval: string;
  holdMs: number;
  /** 0–1. */
  maxErrorRate: number;
  maxDurationMs: number;
  /** 0–1. */
  capacityFloor: number;
  historyLimit: number;
}

export interface PracticeCell {
  name: string;
  generation: number;
  deleting: boolean;
  ready: boolean;
  degraded: boolean;
  /** Its zone is suspect. */
  suspect: boolean;
  weight: number;
  normalWeight: number;
  drain: DrainSpec;
  phase: NonNullable<NonNullable<Cell['status']>['drain']>['phase'];
  /** Why the drain stands still, while it does. */
  blocked: { reason: string; message: string; sinceMs: number } | undefined;
  /** WebSockets that it may hold. */
  capacity: number;
  /** Undefined when no control plane tells. */
  sockets: number | undefined;
  /** Share of failed requests in the last 10 s, 0–1; undefined when unknown or when there were few. */
  errorRate: number | undefined;
}

/**
 * At most one write a decision, so that a leader may die between any two: status leads, and what is to be done to the
 * Cell follows from it.
 */
export type PracticeDecision =
  | { kind: 'addFinalizer' }
  | { kind: 'release' }
  | { kind: 'status'; status: PracticePart; events: PracticeEvent[]; retryMs: number }
  /** Sets all of spec.drain, if the Cell's generation is still this one. */
  | { kind: 'cell'; name: string; generation: number; drain: DrainSpec };

/** All of the status but observedGeneration. */
export type PracticePart = Omit<PracticeDrainStatus, 'conditions' | 'observedGeneration'> & {
  conditions: NewCondition[];
};

export interface PracticeEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

export interface Verdict {
  outcome: 'Succeeded' | 'Aborted' | 'Failed';
  reason: string;
  message: string;
}
