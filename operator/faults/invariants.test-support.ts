/** What must hold at every moment, whatever happens to the operator: watched directly, past the faults. */
import { pino } from 'pino';
import { collectionPath } from '../../cells/contract/kube/client.ts';
import { Reflector } from '../../cells/contract/kube/reflector.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import type { Cell, Workspace } from '../../crds/index.ts';
import { API } from '../world.ts';
import type { Arena } from './arena.test-support.ts';

export class Invariants {
  readonly broken: string[] = [];
  readonly #weights = new Map<string, number>();
  readonly #ids = new Map<string, string>();
  readonly #reflectors: { close(): Promise<void> }[];

  constructor(arena: Arena) {
    const { kubeConfig, namespace } = arena.api;
    const common = { kubeConfig, clock: systemClock, random: systemRandom, log: pino({ level: 'silent' }) };
    this.#reflectors = [
      new Reflector<Cell>({
        ...common,
        path: collectionPath(API, 'Cell', namespace),
        onChange: (key, cell) => this.#onCell(key, cell),
      }),
      new Reflector<Workspace>({
        ...common,
        path: collectionPath(API, 'Workspace', namespace),
        onChange: (key, workspace) => this.#onWorkspace(key, workspace),
      }),
    ];
  }

  async close(): Promise<void> {
    for (const reflector of this.#reflectors) await reflector.close();
  }

  #onCell(key: string, cell: Cell | undefined): void {
    const weight = cell?.status?.weight;
    const before = this.#weights.get(key);
    if (weight === undefined) this.#weights.delete(key);
    else this.#weights.set(key, weight);
    if (weight === undefined || before === undefined) return;
    const step = cell?.spec.drain?.stepPercent ?? 1;
    if (before - weight > step) this.broken.push(`${key} went from weight ${before} to ${weight}, more than ${step}`);
    if ([...this.#weights.values()].every((w) => w === 0)) this.broken.push(`no cell takes traffic after ${key}`);
  }

  #onWorkspace(key: string, workspace: Workspace | undefined): void {
    const id = workspace?.status?.workspaceId;
    const before = this.#ids.get(key);
    if (id === undefined) return;
    this.#ids.set(key, id);
    if (before !== undefined && before !== id) this.broken.push(`${key} changed its id from ${before} to ${id}`);
  }
}
