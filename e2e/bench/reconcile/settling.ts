/** Watches Cells and Workspaces: when the first of them changes, when all are settled, and how long an edit takes. */
import { pino } from 'pino';
import type { TestApiServer } from '../../../cells/contract/kube/api-server.test-support.ts';
import { collectionPath, type KubeObject, type ObjectRef, Reflector } from '../../../cells/contract/kube/index.ts';
import { systemClock as clock, systemRandom as random } from '../../../cells/contract/system-clock.ts';
import { API, cellName, USER, workspaceName } from './objects.ts';

interface Watched extends KubeObject {
  status?: { observedGeneration?: number };
}
const KINDS = ['Cell', 'Workspace'] as const;
type Kind = (typeof KINDS)[number];

const isSettled = ({ metadata, status }: Watched): boolean => status?.observedGeneration === metadata.generation;

export class Settling {
  readonly #api: TestApiServer;
  readonly #reflectors: Reflector<Watched>[];
  readonly #unsettled = new Set<string>();
  #onFirst: () => void = () => {};
  #onAll: () => void = () => {};
  /** By kind and key: whom to tell when the status of a generation or a later one is seen. */
  readonly #edits = new Map<string, { generation: number; seen: (atMs: number) => void }[]>();

  constructor(api: TestApiServer) {
    this.#api = api;
    const common = { kubeConfig: api.kubeConfig, clock, random, log: pino({ level: 'silent' }) };
    this.#reflectors = KINDS.map(
      (kind) =>
        new Reflector<Watched>({
          ...common,
          path: collectionPath(API, kind, api.namespace),
          onChange: (key, object) => this.#changed(kind, key, object),
        }),
    );
  }

  async start(): Promise<void> {
    await Promise.all(this.#reflectors.map((r) => r.synced));
  }

  /** Milliseconds (monotonic) of the next change and of the moment when all were settled. */
  async settled(started: () => void): Promise<{ fromMs: number; toMs: number }> {
    const first = new Promise<number>((resolve) => {
      this.#onFirst = () => resolve(performance.now());
    });
    const all = new Promise<number>((resolve) => {
      this.#onAll = () => resolve(performance.now());
    });
    const fromMs = await first;
    started();
    return { fromMs, toMs: await all };
  }

  /** Edits the n-th object. Resolves with the milliseconds from sending the edit to seeing a status of it. */
  async edit(kind: Kind, n: number): Promise<number> {
    const name = kind === 'Cell' ? cellName(n) : workspaceName(n);
    const ref: ObjectRef = { apiVersion: API, kind, namespace: this.#api.namespace, name };
    const spec =
      kind === 'Cell'
        ? { capacity: { connections: 5_000 + Math.ceil(Math.random() * 1_000_000) } }
        : { displayName: `Tenant ${n}, ${random.hex(4)}` };
    const fromMs = performance.now();
    const { metadata } = await this.#api.client.mergePatch<Watched>(ref, { spec }, USER);
    const toMs = await new Promise<number>((seen) => {
      const key = `${this.#api.namespace}/${name}`;
      const waiting = this.#edits.get(`${kind} ${key}`) ?? [];
      this.#edits.set(`${kind} ${key}`, [...waiting, { generation: metadata.generation ?? 0, seen }]);
      this.#tell(kind, key, this.#reflectors[KINDS.indexOf(kind)]!.store.get(key));
    });
    return toMs - fromMs;
  }

  async close(): Promise<void> {
    await Promise.all(this.#reflectors.map((r) => r.close()));
  }

  #changed(kind: Kind, key: string, object: Watched | undefined): void {
    if (object === undefined) return;
    this.#onFirst();
    this.#tell(kind, key, object);
    if (!isSettled(object)) this.#unsettled.add(`${kind} ${key}`);
    else if (this.#unsettled.delete(`${kind} ${key}`) && this.#unsettled.size === 0) this.#onAll();
  }

  #tell(kind: Kind, key: string, object: Watched | undefined): void {
    const waiting = this.#edits.get(`${kind} ${key}`);
    if (waiting === undefined) return;
    const observed = object?.status?.observedGeneration ?? 0;
    for (const { generation, seen } of waiting) if (generation <= observed) seen(performance.now());
    this.#edits.set(
      `${kind} ${key}`,
      waiting.filter((edit) => edit.generation > observed),
    );
  }
}
