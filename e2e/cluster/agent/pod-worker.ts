/** The life of one Pod on the node, from binding to the removal of its object. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ApiError } from './api-client.ts';
import { ContainerRunner } from './container.ts';
import type { NodeContext } from './context.ts';
import {
  type Condition,
  type Container,
  type ContainerStatus,
  kubeTime,
  type Phase,
  type Pod,
  type PodStatus,
} from './kube.ts';
import { launch } from './launch.ts';
import { PodRecordFile } from './pod-record.ts';
import { podConditions, podPhase, shows } from './pod-status.ts';
import { StatusWriter } from './status-writer.ts';
import { PodVolumes } from './volumes.ts';

const RETRY_MS = 500;
/** For a Pod whose object was removed by force. */
const FORCED_GRACE_MS = 2_000;
const DEFAULT_GRACE_SECONDS = 30;

export class PodWorker {
  readonly #context: NodeContext;
  readonly #log: Logger;
  readonly #record: PodRecordFile;
  readonly #writer: StatusWriter;
  /** Aborted when the Pod must end. */
  readonly #ending = new AbortController();
  readonly #init: ContainerRunner[] = [];
  readonly #main: ContainerRunner[] = [];
  /** What an agent before this one reported; read before the first write of ours comes back by the watch. */
  readonly #previous: PodStatus;
  #pod: Pod;
  #gone = false;
  #abandoned = false;
  #prepared = false;
  #podIp: string | undefined;
  #startTime: string;
  #conditions: Condition[] = [];

  constructor(context: NodeContext, pod: Pod) {
    this.#context = context;
    this.#pod = pod;
    this.#log = context.log.child({ pod: `${pod.metadata.namespace}/${pod.metadata.name}` });
    this.#record = new PodRecordFile(context.dir, context.zone.node, pod);
    this.#writer = new StatusWriter(context.api, pod, this.#log);
    this.#previous = pod.status ?? {};
    this.#startTime = pod.status?.startTime ?? kubeTime(Date.now());
  }

  start(): void {
    void this.#live();
    this.update(this.#pod);
  }

  /** A newer version of the object. */
  update(pod: Pod): void {
    this.#pod = pod;
    // The node lifecycle controller marks the Pods of a node that it has not heard for a while: they are Ready all the same.
    if (!shows(pod, this.#conditions)) this.#writer.rewrite();
    if (!pod.metadata.deletionTimestamp) return;
    const seconds = pod.metadata.deletionGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS;
    this.#end(seconds * 1000);
  }

  /** The object is gone: whatever still runs was removed by force. */
  gone(): void {
    this.#gone = true;
    this.#writer.close();
    this.#end(FORCED_GRACE_MS);
  }

  /** The agent goes; the Pod's processes stay. */
  abandon(): void {
    this.#abandoned = true;
    for (const runner of this.#runners()) runner.abandon();
    this.#writer.close();
  }

  #runners(): ContainerRunner[] {
    return [...this.#init, ...this.#main];
  }

  #end(graceMs: number): void {
    this.#ending.abort();
    for (const runner of this.#runners()) void runner.stop(graceMs);
  }

  async #live(): Promise<void> {
    const phase = this.#pod.status?.phase;
    if (phase !== 'Succeeded' && phase !== 'Failed') {
      // A Pod that cannot be run at all still has to be removable.
      await this.#run().catch((error) => this.#log.error({ error: String(error) }, 'pod failed'));
    }
    if (this.#abandoned) return;
    await this.#ended();
    await this.#writer.flushed();
    this.#record.remove();
    if (!this.#gone) await this.#removeObject();
  }

  async #run(): Promise<void> {
    const { metadata, spec, status } = this.#pod;
    const { addresses, zone } = this.#context;
    this.#podIp = spec.hostNetwork ? zone.nodeIp : addresses.take(metadata.uid, status?.podIP);
    const volumes = new PodVolumes(this.#context, this.#pod, this.#podIp);
    try {
      if (await this.#prepare(volumes)) await this.#runContainers(volumes);
    } finally {
      volumes.close();
    }
    if (this.#abandoned) return;
    this.#publish();
    addresses.release(metadata.uid);
  }

  /** Until every volume is there; false when the Pod must end before. */
  async #prepare(volumes: PodVolumes): Promise<boolean> {
    this.#publish();
    while (!this.#ending.signal.aborted) {
      try {
        await volumes.prepare();
        this.#prepared = true;
        this.#publish();
        return true;
      } catch (error) {
        this.#context.events.warn(this.#pod, 'FailedMount', error instanceof Error ? error.message : String(error));
        await delay(RETRY_MS, undefined, { signal: this.#ending.signal }).catch(() => {});
      }
    }
    return false;
  }

  async #runContainers(volumes: PodVolumes): Promise<void> {
    const { spec } = this.#pod;
    for (const container of spec.initContainers ?? []) {
      const runner = this.#runner(container, volumes, true, this.#previous.initContainerStatuses);
      this.#init.push(runner);
      if ((await runner.runUntilOver()) !== 0 || this.#ending.signal.aborted) return;
    }
    for (const container of spec.containers) {
      this.#main.push(this.#runner(container, volumes, false, this.#previous.containerStatuses));
    }
    await Promise.all(this.#main.map((runner) => runner.runUntilOver()));
  }

  #runner(
    container: Container,
    volumes: PodVolumes,
    init: boolean,
    previous: ContainerStatus[] | undefined,
  ): ContainerRunner {
    const { spec } = this.#pod;
    const policy = spec.restartPolicy ?? 'Always';
    return new ContainerRunner({
      spec: container,
      restartPolicy: init && policy === 'Always' ? 'OnFailure' : policy,
      graceMs: (spec.terminationGracePeriodSeconds ?? DEFAULT_GRACE_SECONDS) * 1000,
      backOff: this.#context.backOff,
      previous: previous?.find((one) => one.name === container.name),
      host: {
        launch: (one) => launch({ context: this.#context, pod: this.#pod, podIp: this.#podIp as string, volumes }, one),
        onChange: () => this.#publish(),
        onProcess: (name, process) => this.#record.set(name, process),
        warn: (reason, message) => this.#context.events.warn(this.#pod, reason, message),
      },
    });
  }

  #publish(): void {
    if (this.#gone || this.#abandoned) return;
    const init = this.#init.map((runner) => runner.status);
    const main = this.#main.map((runner) => runner.status);
    const phase = this.#phase(init, main);
    // Transition times come from what was computed last, which the API server may not have shown back yet.
    const known = [...this.#conditions, ...(this.#pod.status?.conditions ?? [])];
    const pod = { ...this.#pod, status: { ...this.#pod.status, conditions: known } };
    const seen = { prepared: this.#prepared, init, main, now: kubeTime(Date.now()) };
    this.#conditions = podConditions(pod, phase, seen);
    const { nodeIp } = this.#context.zone;
    const ip = this.#podIp as string;
    this.#writer.publish({
      phase,
      startTime: this.#startTime,
      hostIP: nodeIp,
      hostIPs: [{ ip: nodeIp }],
      podIP: ip,
      podIPs: [{ ip }],
      conditions: this.#conditions,
      initContainerStatuses: init.length > 0 ? init : (this.#previous.initContainerStatuses ?? []),
      containerStatuses:
        main.length > 0 ? main : (this.#previous.containerStatuses ?? this.#pod.spec.containers.map(notStarted)),
    });
  }

  #phase(init: ContainerStatus[], main: ContainerStatus[]): Phase {
    const over = main.length > 0 && main.every((status) => status.state.terminated);
    if (!this.#ending.signal.aborted || !over) return podPhase(this.#pod, init, main);
    // A Pod that is being deleted reaches a final phase before its object goes: Jobs count on it.
    return main.every((status) => status.state.terminated?.exitCode === 0) ? 'Succeeded' : 'Failed';
  }

  #ended(): Promise<void> {
    const { signal } = this.#ending;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  /** The last step of a deletion: the object goes once no process is left. */
  async #removeObject(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    const options = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid } };
    while (!this.#gone && !this.#abandoned) {
      try {
        await this.#context.api.delete(`/api/v1/namespaces/${namespace}/pods/${name}`, options);
        return;
      } catch (error) {
        if (error instanceof ApiError && (error.status === 404 || error.status === 409)) return;
        this.#log.warn({ error: String(error) }, 'pod not removed');
        await delay(RETRY_MS);
      }
    }
  }
}

const notStarted = (container: Container): ContainerStatus => ({
  name: container.name,
  image: container.image,
  imageID: '',
  state: { waiting: { reason: 'ContainerCreating' } },
  lastState: {},
  ready: false,
  started: false,
  restartCount: 0,
});
