/** Events on Pods, as a kubelet writes them: on something wrong only, and each at most once in half a minute. */
import type { Logger } from 'pino';
import type { ApiClient } from './api-client.ts';
import { kubeTime, type Pod } from './kube.ts';

const QUIET_MS = 30_000;
const REMEMBERED = 1_000;

export class Events {
  readonly #api: ApiClient;
  readonly #node: string;
  readonly #log: Logger;
  readonly #last = new Map<string, number>();
  #serial = 0;

  constructor(api: ApiClient, node: string, log: Logger) {
    this.#api = api;
    this.#node = node;
    this.#log = log;
  }

  warn(pod: Pod, reason: string, message: string): void {
    const key = `${pod.metadata.uid}/${reason}`;
    const now = Date.now();
    if (now - (this.#last.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    if (this.#last.size >= REMEMBERED) this.#last.clear();
    this.#last.set(key, now);
    const { name, namespace, uid } = pod.metadata;
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${now.toString(16)}${(this.#serial++).toString(16)}`, namespace },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', name, namespace, uid },
      type: 'Warning',
      reason,
      message: message.slice(0, 1000),
      source: { component: 'kubelet', host: this.#node },
      firstTimestamp: kubeTime(now),
      lastTimestamp: kubeTime(now),
      count: 1,
    };
    // An Event is a courtesy: losing one must not trouble the Pod.
    this.#api
      .post(`/api/v1/namespaces/${namespace}/events`, event)
      .catch((error) => this.#log.debug({ error: String(error), reason }, 'event lost'));
  }
}
