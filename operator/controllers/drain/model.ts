/** What a drain is decided from, and what a decision says. */
import type { CellStatus } from '../../../crds/index.ts';
import type { NewCondition } from '../../runtime/conditions.ts';

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
    /** From the start of the drain or undrain; undefined: what its pace gives. */
    deadlineMs: number | undefined;
    paused: boolean;
    pauseReason: string | undefined;
    reason: string | undefined;
    requestedBy: string | undefined;
    force: boolean;
  };
  status: Pick<CellStatus, 'weight' | 'drain' | 'conditions'>;
  /** Undefined when no control plane answered. `unseen` as in OtherCell. */
  live: { sockets: number; slots: number; errorRate: number | undefined; unseen?: boolean } | undefined;
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
  /** spec.traffic.weight. */
  normalWeight: number;
  /** Where its weight is going, or stays. */
  targetWeight: number;
  /** When its own drain began, while traffic leaves it. */
  drainingSince: string | undefined;
  /**
   * Share of failed requests in the last 10 s, 0–1, as seen from outside of the zone that is drained; undefined when
   * unknown or when there were few.
   */
  errorRate: number | undefined;
  /** It is unknown, and a replica of the control plane whose edges may know it does not answer. */
  unseen?: boolean;
}

export type DrainStatus = NonNullable<CellStatus['drain']>;

export interface DrainEvent {
  type: 'Normal' | 'Warning';
  reason: string;
  note: string;
}

export interface DrainDecision {
  weight: number;
  drain: DrainStatus;
  conditions: NewCondition[];
  events: DrainEvent[];
  /** When to look again; undefined: nothing will change by itself. */
  retryMs: number | undefined;
}

/** A way from the weight in force to the target, as seen at a time. */
export interface Step {
  weight: number;
  target: number;
  nowMs: number;
}

export const targetOf = (input: DrainInput): number =>
  input.deleting ? 0 : (input.intent.targetWeight ?? input.normalWeight);
