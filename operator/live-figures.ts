/**
 * Live figures from the control plane's `/debug/v1/…`, on the Pods' own addresses. They never travel through the API
 * server, and are asked for only while a decision needs them. The control plane's replicas see the same store, so any
 * one that answers will do, if it can read the store.
 */

import type { Clock } from '../cells/contract/clock.ts';
import { type Pod, podReady } from '../cells/contract/kube/objects.ts';
import type { Logger } from '../cells/contract/process/log.ts';
import type { HealthReport } from '../cells/health/report.ts';
import { LABELS } from '../crds/index.ts';

export interface CellFigures {
  cell: string;
  /** Since the processes' heartbeats were read; missing from a replica of the version before. */
  ageSeconds?: number;
  sockets: number;
  slots: number;
  members: number;
  weightInForce?: number;
  /** Share of failed requests in the last 10 s, 0–1. */
  errorRate?: number;
  /** The same by zone, without what the edges of that zone saw; missing from a replica of the version before. */
  errorRateWithout?: Record<string, number>;
  /** Replicas whose edges' word is not in the error rates; missing from a replica of the version before. */
  missingReplicas?: number;
  /** Edges that have not acknowledged the weights in force. */
  unreachableEdges?: string[];
  /** What processes of the cell refused and have not accepted since, in a fixed order; missing while it is not known. */
  refusals?: { node: string; role: string; type: string; error: string }[];
}

export interface RingFigures {
  epoch: number;
  members: { pod: string; cell?: string; zone?: string; slots?: number; standbySlots?: number }[];
  movesInFlight?: number;
  maxOverAverage?: number | string;
  /** Why the ring manager decides nothing. `ended`: it has seen the deletion, and no table of the ring has members. */
  held?: string;
}

export interface RingReport extends RingFigures {
  /** Replicas that did not answer: one of them may have read a newer table. */
  missingReplicas: number;
}

export interface LiveFigures {
  /** Undefined when no control plane answered that can read the store, or it does not know the cell. */
  cell(name: string): Promise<CellFigures | undefined>;
  cells(): Promise<readonly CellFigures[] | undefined>;
  /** Of the newest table that any replica has read; undefined when none answered. */
  ring(namespace: string, name: string): Promise<RingReport | undefined>;
  /**
   * What the zones saw of one another in the last two minutes; undefined when no control plane answered. Every replica
   * is asked: one in a bad zone does not reach the others, and the report of which least is missing is taken.
   */
  health(): Promise<HealthReport | undefined>;
}

const ADMIN_PORT = 18_080;
const TIMEOUT_MS = 1500;
/** Decisions about several cells in one moment share an answer. */
const FRESH_MS = 200;
/** A replica that has not answered by then is left aside for the next. */
const PATIENCE_MS = 250;
/** A replica that could not read the store for longer tells old news. */
const MAX_AGE_SECONDS = 5;

export class ControlplaneFigures implements LiveFigures {
  readonly #pods: ReadonlyMap<string, Pod>;
  readonly #clock: Clock;
  readonly #log: Logger;
  #cells: { atMs: number; answer: Promise<readonly CellFigures[] | undefined> } | undefined;

  constructor(options: { pods: ReadonlyMap<string, Pod>; clock: Clock; log: Logger }) {
    this.#pods = options.pods;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  async cell(name: string): Promise<CellFigures | undefined> {
    return (await this.cells())?.find((c) => c.cell === name || c.cell.endsWith(`/${name}`));
  }

  cells(): Promise<readonly CellFigures[] | undefined> {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#cells || nowMs - this.#cells.atMs > FRESH_MS) {
      this.#cells = { atMs: nowMs, answer: this.#first('/debug/v1/cells', isCurrent) };
    }
    return this.#cells.answer;
  }

  async ring(namespace: string, name: string): Promise<RingReport | undefined> {
    const asked = this.#addresses();
    const answers = await this.#all(asked, `/debug/v1/rings/${namespace}/${name}`, isRingFigures);
    const [newest] = answers.sort((a, b) => b.epoch - a.epoch || Number(hasEnded(b)) - Number(hasEnded(a)));
    return newest && { ...newest, missingReplicas: asked.length - answers.length };
  }

  async health(): Promise<HealthReport | undefined> {
    const reports = await this.#all(this.#addresses(), '/debug/v1/health', isHealthReport);
    return reports.sort((a, b) => a.missingReplicas - b.missingReplicas)[0];
  }

  /** The first answer that passes. The next replica is asked when one has failed, or does not answer at once. */
  async #first<R>(path: string, check: (value: unknown) => value is R): Promise<R | undefined> {
    const asked: Promise<R>[] = [];
    for (const address of this.#addresses()) {
      const { promise: tooLong, resolve } = Promise.withResolvers<undefined>();
      const timer = this.#clock.after(PATIENCE_MS, () => resolve(undefined));
      asked.push(this.#askOne(address, path, check).then((answer) => answer ?? Promise.reject(new Error('no answer'))));
      const answer = await Promise.race([tooLong, Promise.any(asked).catch(() => undefined)]);
      timer.cancel();
      if (answer !== undefined) return answer;
    }
    return Promise.any(asked).catch(() => undefined);
  }

  async #all<R>(addresses: readonly string[], path: string, check: (value: unknown) => value is R): Promise<R[]> {
    const answers = await Promise.all(addresses.map((address) => this.#askOne(address, path, check)));
    return answers.filter((a) => a !== undefined);
  }

  async #askOne<R>(address: string, path: string, check: (value: unknown) => value is R): Promise<R | undefined> {
    try {
      const response = await fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      const body: unknown = await response.json();
      if (response.ok && check(body)) return body;
      this.#log.debug({ address, path, status: response.status }, 'no figures');
    } catch (err) {
      this.#log.debug({ address, path, err }, 'the control plane did not answer');
    }
    return undefined;
  }

  #addresses(): string[] {
    return [...this.#pods.values()]
      .filter((p) => p.metadata.labels?.[LABELS.component] === 'controlplane' && podReady(p) && p.status?.podIP)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name))
      .map((p) => {
        const port = p.spec.containers[0]?.ports?.find((c) => c.name === 'admin')?.containerPort ?? ADMIN_PORT;
        return `${p.status?.podIP}:${port}`;
      });
  }
}

/** The ring is deleted and nobody is in its table: what one replica knows, another may only not have seen yet. */
export const hasEnded = ({ held, members }: RingFigures): boolean => held === 'ended' && members.length === 0;

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const isCurrent = (value: unknown): value is CellFigures[] =>
  Array.isArray(value) &&
  value.every(
    (c: Partial<CellFigures> | null) =>
      typeof c?.cell === 'string' && isNumber(c.sockets) && isNumber(c.slots) && (c.ageSeconds ?? 0) <= MAX_AGE_SECONDS,
  );

const isRingFigures = (value: unknown): value is RingFigures => {
  const { epoch, members } = (value ?? {}) as Partial<RingFigures>;
  return isNumber(epoch) && Array.isArray(members);
};

const hasBuckets = (value: { buckets?: unknown } | null): boolean =>
  Array.isArray(value?.buckets) &&
  value.buckets.every((b: { requests?: unknown; errors?: unknown }) => isNumber(b?.requests) && isNumber(b.errors));

const isHealthReport = (value: unknown): value is HealthReport => {
  const { observers, missingReplicas, pairs, targets } = (value ?? {}) as Partial<HealthReport>;
  return (
    Array.isArray(observers) &&
    isNumber(missingReplicas) &&
    Array.isArray(pairs) &&
    pairs.every(hasBuckets) &&
    Array.isArray(targets) &&
    targets.every(hasBuckets)
  );
};
