/** Live figures of the control plane: /debug/v1 of its Pods, through the API server's Pod proxy. */
import { setTimeout as delay } from 'node:timers/promises';
import { fetch } from 'undici';
import { ChatError } from '../cells/contract/errors.ts';
import type { KubeClient } from '../cells/contract/kube/client.ts';
import { collectionPath, refusedStatus } from '../cells/contract/kube/client.ts';
import { type Pod, podReady } from '../cells/contract/kube/objects.ts';
import { LABELS } from '../crds/index.ts';
import type { NodeConfig, NodeFigures } from './node-figures.ts';
import type { RingFigures, RingPlan, WhereFigures } from './ring-figures.ts';

const ADMIN_PORT = 18_080;
const TIMEOUT_MS = 5_000;
/** Waited for other replicas once one has answered. */
const OTHERS_MS = 500;

/** One element of /debug/v1/cells. */
export interface CellFigures {
  cell: string;
  zone: string;
  /** Since the processes' heartbeats were read. */
  ageSeconds?: number;
  weightInForce: number;
  capacity: number;
  sockets: number;
  slots: number;
  members: number;
}

/** The own nodes of one replica; undefined when it did not answer. */
export interface ReplicaNodes {
  pod: string;
  nodes: NodeFigures[] | undefined;
}

export class LiveFigures {
  readonly #kube: KubeClient;
  readonly #namespace: string;
  #pods: Pod[] | undefined;

  constructor(kube: KubeClient, namespace: string) {
    this.#kube = kube;
    this.#namespace = namespace;
  }

  cells(): Promise<CellFigures[]> {
    return this.#newest<CellFigures[]>('/debug/v1/cells', (cells) => -(cells[0]?.ageSeconds ?? 0));
  }
  /** `ring` is `<namespace>/<name>` here and below. */
  where(what: { topic: string } | { slot: string }, ring: string): Promise<WhereFigures> {
    return this.#newest<WhereFigures>('/debug/v1/where', (place) => place.tableEpoch, { ...what, ring });
  }
  ring(ring: string): Promise<RingFigures> {
    return this.#newest<RingFigures>(`/debug/v1/rings/${ring}`, (figures) => figures.epoch);
  }
  ringPlan(ring: string, { without, add }: { without: string[]; add: string[] }): Promise<RingPlan> {
    const changes = { without: without.join(), add: add.join() };
    return this.#newest<RingPlan>(`/debug/v1/rings/${ring}/plan`, (plan) => plan.epoch, changes);
  }
  async nodes(): Promise<ReplicaNodes[]> {
    return Promise.all(
      (await this.#listPods()).map(async (pod) => ({
        pod: pod.metadata.name,
        nodes: await this.#get<NodeFigures[]>(pod, '/debug/v1/nodes', {}).catch(() => undefined),
      })),
    );
  }
  /** What a node was sent by the replica that it is connected to. */
  async nodeConfig(replica: string, id: string): Promise<NodeConfig> {
    const pod = (await this.#listPods()).find((p) => p.metadata.name === replica);
    if (pod === undefined) throw new ChatError('not_found', { kind: 'Pod', name: replica, namespace: this.#namespace });
    return this.#get<NodeConfig>(pod, `/debug/v1/nodes/${id}/config`, {});
  }

  /** What replicas say, the newest of it: one that is cut off from the store tells old news. */
  async #newest<T>(path: string, newness: (answer: T) => number, query: Record<string, string> = {}): Promise<T> {
    const answers: T[] = [];
    const asked = (await this.#listPods()).map(async (pod) => {
      answers.push(await this.#get<T>(pod, path, query));
    });
    await Promise.any(asked).catch(() => {});
    await Promise.race([Promise.allSettled(asked), delay(OTHERS_MS, undefined, { ref: false })]);
    // Nobody has answered: asked one by one, the last tells why.
    if (answers.length === 0) return this.#first<T>(path, query);
    return answers.reduce((a, b) => (newness(b) > newness(a) ? b : a));
  }

  /** The answer of the first replica that gives one. */
  async #first<T>(path: string, query: Record<string, string> = {}): Promise<T> {
    const pods = await this.#listPods();
    let failure: unknown = new ChatError('service_unavailable', {}, new Error('no Pod of the control plane is there'));
    for (const pod of pods) {
      try {
        return await this.#get<T>(pod, path, query);
      } catch (e: unknown) {
        this.#pods = undefined; // it may be gone: list again next time
        failure = e;
        if (isAnswer(e)) break;
      }
    }
    throw failure;
  }

  async #listPods(): Promise<Pod[]> {
    if (this.#pods === undefined) {
      const labelSelector = `${LABELS.component}=controlplane`;
      const pods = await this.#kube.list<Pod>(collectionPath('v1', 'Pod', this.#namespace), { labelSelector });
      const running = pods.filter((pod) => pod.status?.podIP !== undefined);
      this.#pods = running.sort((a, b) => Number(podReady(b)) - Number(podReady(a)));
    }
    return this.#pods;
  }

  #get<T>(pod: Pod, path: string, query: Record<string, string>): Promise<T> {
    // The API server's proxy refuses loopback addresses, which the Pods of a local cluster have.
    const ip = pod.status?.podIP ?? '';
    return ip.startsWith('127.') ? direct<T>(ip, path, query) : this.#proxied<T>(pod.metadata.name, path, query);
  }

  /** The API server answers for a Pod that does not with a 5xx, or as late as it does. */
  async #proxied<T>(pod: string, path: string, query: Record<string, string>): Promise<T> {
    const proxy = `${collectionPath('v1', 'Pod', this.#namespace)}/${pod}:${ADMIN_PORT}/proxy`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      return await this.#kube.request<T>({ method: 'GET', path: proxy + path, query, signal });
    } catch (e: unknown) {
      if (signal.aborted || (refusedStatus(e) ?? 0) >= 500) throw new ChatError('service_unavailable', {}, e);
      throw e;
    }
  }
}

const isAnswer = (e: unknown): boolean =>
  e instanceof ChatError && (e.code === 'not_found' || e.code === 'invalid_arguments');

async function direct<T>(ip: string, path: string, query: Record<string, string>): Promise<T> {
  const url = new URL(`http://${ip}:${ADMIN_PORT}${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch((e: unknown) => {
    throw new ChatError('service_unavailable', {}, e);
  });
  const body = (await response.json().catch(() => ({}))) as { error?: string; message?: string };
  if (response.ok) return body as T;
  if (body.error === 'not_found' || body.error === 'invalid_arguments')
    throw new ChatError('usage', { problem: body.message ?? body.error });
  throw new ChatError('service_unavailable', {}, new Error(`${url.host}: ${response.status} ${body.message ?? ''}`));
}
