/** Writes a Pod's status: the newest, one at a time, only when it differs, until the API server has it. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type ApiClient, ApiError } from './api-client.ts';
import type { Pod, PodStatus } from './kube.ts';

const MAX_PAUSE_MS = 5_000;

export class StatusWriter {
  readonly #api: ApiClient;
  readonly #path: string;
  readonly #uid: string;
  readonly #log: Logger;
  #wanted: string | undefined;
  #written: string | undefined;
  #busy: Promise<void> | undefined;
  #closed = false;

  constructor(api: ApiClient, pod: Pod, log: Logger) {
    this.#api = api;
    this.#path = `/api/v1/namespaces/${pod.metadata.namespace}/pods/${pod.metadata.name}/status`;
    this.#uid = pod.metadata.uid;
    this.#log = log;
  }

  publish(status: PodStatus): void {
    this.#wanted = JSON.stringify(status);
    this.#start();
  }

  /** The object does not say what was written: somebody else wrote over it. */
  rewrite(): void {
    if (this.#wanted === undefined) return;
    this.#written = undefined;
    this.#start();
  }

  #start(): void {
    this.#busy ??= this.#write().finally(() => {
      this.#busy = undefined;
    });
  }

  /** Resolves when the last published status is stored, or cannot be any more. */
  async flushed(): Promise<void> {
    await this.#busy;
  }

  close(): void {
    this.#closed = true;
  }

  async #write(): Promise<void> {
    let pause = 100;
    // The turn of the event loop in which a Pod's containers all change makes one write.
    await Promise.resolve();
    while (this.#wanted !== this.#written && !this.#closed) {
      const status = this.#wanted as string;
      try {
        // Strategic merge: conditions merge by type, so that others' stay. The uid refuses a Pod of the same name.
        const body = { metadata: { uid: this.#uid }, status: JSON.parse(status) as PodStatus };
        await this.#api.patch(this.#path, 'strategic-merge', body);
        this.#written = status;
        pause = 100;
      } catch (error) {
        if (error instanceof ApiError && [404, 409, 422].includes(error.status)) {
          if (error.status === 422) this.#log.error({ error: error.message }, 'status refused');
          this.#written = status;
          continue;
        }
        this.#log.warn({ error: String(error) }, 'status not written');
        await delay(pause);
        pause = Math.min(MAX_PAUSE_MS, pause * 2);
      }
    }
  }
}
