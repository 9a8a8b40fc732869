/** Stands in for the Deployment controller, which does not run beside a test's API server. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import type { Deployment } from '../../cells/contract/kube/objects.ts';
import { COMPONENTS } from '../controllers/cell/names.ts';

const PERIOD_MS = 50;

export class StandInDeployments {
  readonly #api: TestApiServer;
  readonly #followed = new Set<string>();
  #following: Promise<void> | undefined;
  #closed = false;

  constructor(api: TestApiServer) {
    this.#api = api;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#following;
  }

  /** From now on all Pods of the Cell are of the newest template as soon as there is one. */
  follow(cell: string): void {
    this.#followed.add(cell);
    this.#following ??= this.#follow();
  }

  async #follow(): Promise<void> {
    for (; !this.#closed; await sleep(PERIOD_MS)) for (const cell of this.#followed) await this.complete(cell);
  }

  /** Says that all Pods of the Cell are of the newest template, where Pods may be replaced. */
  async complete(cell: string): Promise<void> {
    const { client, namespace } = this.#api;
    for (const component of COMPONENTS) {
      const ref = { apiVersion: 'apps/v1', kind: 'Deployment', namespace, name: `${cell}-${component}` } as const;
      const { metadata, spec, status } = (await client.get<Deployment>(ref))!;
      if (spec.paused || status?.observedGeneration === metadata.generation) continue;
      const { replicas = 1 } = spec;
      const counts = { replicas, updatedReplicas: replicas, readyReplicas: replicas, availableReplicas: replicas };
      const current = { observedGeneration: metadata.generation, ...counts };
      await client.mergePatch(
        ref,
        { status: current },
        { fieldManager: 'deployment-controller', subresource: 'status' },
      );
    }
  }
}
