/**
 * Reflectors run always, controllers only while this process leads. A controller that starts is given every key of the
 * kinds that it watches, so nothing that happened without a leader is missed.
 */
import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock, Random } from '../../cells/contract/clock.ts';
import type { KubeObject } from '../../cells/contract/kube/objects.ts';
import { Reflector } from '../../cells/contract/kube/reflector.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import { Controller, type ControllerOptions } from './controller.ts';
import type { ControllerMetrics } from './metrics.ts';

export interface ManagerOptions {
  kubeConfig: KubeConfig;
  clock: Clock;
  random: Random;
  log: Logger;
  metrics: ControllerMetrics;
  /** As ReflectorOptions. */
  inactivityMs?: number;
}

/** Which keys of a controller a changed object concerns. */
interface Trigger {
  resource: string;
  keysOf: (key: string, object: KubeObject | undefined) => Iterable<string>;
}

export interface ControllerSpec extends Pick<ControllerOptions, 'name' | 'reconcile' | 'workers' | 'rateLimit'> {
  triggers: readonly Trigger[];
  /** Every key at this period, for what changes without an Event of Kubernetes. In milliseconds. */
  resyncMs?: number;
}

export class Manager {
  readonly #options: ManagerOptions;
  readonly #reflectors = new Map<string, Reflector<KubeObject>>();
  readonly #specs: ControllerSpec[] = [];
  #running: Controller[] = [];
  #term: AbortSignal = AbortSignal.abort(new Error('not leading'));

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  get reflectors(): ReadonlyMap<string, Reflector<KubeObject>> {
    return this.#reflectors;
  }

  /** Aborted while this process does not lead: the controllers' client is bound to it. */
  get term(): AbortSignal {
    return this.#term;
  }

  /** Names of what has not been listed yet. */
  get notSynced(): readonly string[] {
    return [...this.#reflectors].filter(([, r]) => r.stats.lists === 0).map(([name]) => name);
  }

  /** True while no controller has work. */
  get idle(): boolean {
    return this.#running.every((c) => c.idle);
  }

  watch<T extends KubeObject>(
    resource: string,
    path: string,
    selectors: { labelSelector?: string } = {},
  ): Reflector<T> {
    const { kubeConfig, clock, random, log, inactivityMs } = this.#options;
    const reflector = new Reflector<T>({
      kubeConfig,
      clock,
      random,
      log,
      path,
      ...selectors,
      ...(inactivityMs === undefined ? {} : { inactivityMs }),
    });
    this.#reflectors.set(resource, reflector as unknown as Reflector<KubeObject>);
    return reflector;
  }

  /** Before `lead` only. */
  control(spec: ControllerSpec): void {
    this.#specs.push(spec);
  }

  /** Runs the controllers until the signal is aborted and their last reconciliation has ended. */
  async lead(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    // Its watches may have been dead for a while, and then it would decide by what the leader before has changed since.
    await Promise.race([aborted, Promise.all([...this.#reflectors.values()].map((r) => r.relist()))]);
    if (signal.aborted) return;
    this.#term = signal;
    const undo = this.#specs.map((spec) => this.#start(spec));
    await aborted;
    await Promise.all(undo.map((stop) => stop()));
    this.#running = [];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#reflectors.values()].map((r) => r.close()));
  }

  #start(spec: ControllerSpec): () => Promise<void> {
    const { clock, random, log, metrics } = this.#options;
    const controller = new Controller({ ...spec, clock, random, log, metrics });
    this.#running.push(controller);
    const addAll = (): void => {
      for (const { resource, keysOf } of spec.triggers) {
        for (const [key, object] of this.#reflector(resource).store) this.#addKeys(controller, keysOf(key, object));
      }
    };
    const unsubscribe = spec.triggers.map(({ resource, keysOf }) =>
      this.#reflector(resource).onChange((key, object) => this.#addKeys(controller, keysOf(key, object))),
    );
    addAll();
    const resync = spec.resyncMs === undefined ? undefined : clock.every(spec.resyncMs, addAll);
    controller.start();
    return async () => {
      for (const stop of unsubscribe) stop();
      resync?.cancel();
      await controller.close();
    };
  }

  #addKeys(controller: Controller, keys: Iterable<string>): void {
    for (const key of keys) controller.add(key);
  }

  #reflector(resource: string): Reflector<KubeObject> {
    const reflector = this.#reflectors.get(resource);
    if (!reflector) throw new TypeError(`no reflector of ${resource}`);
    return reflector;
  }
}
