/** The whole operator against a real API server. Pods and the control plane are stand-ins: see cluster.test-support. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTestApiServer, type TestApiServer } from '../cells/contract/kube/api-server.test-support.ts';
import type { KnownKind, KubeClient, ObjectRef } from '../cells/contract/kube/client.ts';
import { eventsAbout } from '../cells/contract/kube/events.ts';
import { eventually } from '../cells/contract/kube/eventually.test-support.ts';
import type { Deployment, KubeObject } from '../cells/contract/kube/objects.ts';
import type { RunningRole } from '../cells/contract/process/role.ts';
import type { Cell, ChannelRing, PracticeDrain, Workspace } from '../crds/index.ts';
import { cellPods, operatorKubeconfig, StandInControlplane, standInPod } from './cluster.test-support.ts';
import { runOperator } from './main.ts';
import { API } from './world.ts';

export const USER = { fieldManager: 'user' };

type Resource = Cell | ChannelRing | PracticeDrain | Workspace;
export const conditionOf = (object: Resource, type: string) => object.status?.conditions?.find((c) => c.type === type);
export const isTrue = (object: Resource, type: string): boolean => conditionOf(object, type)?.status === 'True';

export const cellSpec = (zone: string): object => ({
  region: 'local',
  zone,
  edge: { hostNetwork: true },
  capacity: { connections: 5000 },
});

export interface CellDeployment extends Deployment {
  spec: Deployment['spec'] & {
    template: {
      spec: {
        automountServiceAccountToken: boolean;
        containers: { env: { name: string; value?: string }[]; resources: object }[];
      };
    };
  };
}

export class OperatorBed {
  readonly controlplane = new StandInControlplane();
  #api: TestApiServer | undefined;
  #dir = '';
  #logLevel = 'silent';
  #operator: RunningRole | undefined;

  get api(): TestApiServer {
    assert.ok(this.#api, 'started');
    return this.#api;
  }
  get client(): KubeClient {
    return this.api.client;
  }
  get namespace(): string {
    return this.api.namespace;
  }

  /** CHATCELLS_TEST_KUBECONFIG names an API server that runs already, LOG_LEVEL makes the operator speak. */
  async start(env: NodeJS.ProcessEnv): Promise<void> {
    this.#logLevel = env.LOG_LEVEL ?? 'silent';
    this.#api = await startTestApiServer(env.CHATCELLS_TEST_KUBECONFIG);
    this.#dir = await mkdtemp(join(tmpdir(), 'chatcells-operator-'));
    await operatorKubeconfig(this.api, join(this.#dir, 'kubeconfig'));
    const port = await this.controlplane.start();
    await standInPod(this.api, { name: 'controlplane-0', component: 'controlplane', ready: true, port });
    await this.startOperator();
  }

  async close(): Promise<void> {
    await this.stopOperator();
    await this.controlplane.close();
    await this.#api?.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async startOperator(): Promise<void> {
    this.#operator = await runOperator({
      KUBECONFIG: join(this.#dir, 'kubeconfig'),
      NAMESPACE: this.namespace,
      POD_IP: '127.0.0.1',
      ADMIN_PORT: '0',
      GRAY_FAILURE_CLEAR_AFTER: '1s',
      LOG_LEVEL: this.#logLevel,
      IMAGE: 'chatcells:test',
      ENVOY_IMAGE: 'envoy:test',
      STORE_SECRET: 'store',
      SESSION_SECRET: 'session',
      XDS_ADDRESSES: 'zone-a=127.1.0.1:18000,zone-b=127.2.0.1:18000',
    });
  }

  async stopOperator(): Promise<void> {
    await this.#operator?.close();
  }

  /** Two Cells that serve half of the ring `main` each, with 100 sockets. */
  async install(): Promise<void> {
    const cells = ['cell-a', 'cell-b'];
    for (const name of cells) await this.apply('Cell', name, cellSpec(`zone-${name.at(-1)}`));
    await this.apply('ChannelRing', 'main', { cells });
    for (const name of cells) await cellPods(this.api, name, `zone-${name.at(-1)}`);
    this.table(7, { 'cell-a': 8192, 'cell-b': 8192 });
    for (const name of cells)
      await eventually(async () => {
        const { status, ...rest } = await this.cell(name);
        assert.ok(isTrue({ status, ...rest } as Cell, 'Ready'));
        assert.deepEqual([status?.weight, status?.drain?.phase, status?.slots], [100, 'None', 8192]);
      }, 60_000);
  }

  /** What the control plane tells of the ring `main`: one server a Cell. */
  table(epoch: number, slots: Record<string, number>): void {
    const members = Object.entries(slots).map(([cell, n]) => ({
      pod: `${cell}-channel-0`,
      cell,
      zone: `zone-${cell.at(-1)}`,
      slots: n,
      standbySlots: n,
    }));
    this.controlplane.rings.set(`${this.namespace}/main`, { epoch, members, movesInFlight: 0, maxOverAverage: 1 });
    for (const [cell, n] of Object.entries(slots)) this.controlplane.set(cell, { sockets: 100, slots: n });
  }

  ref(kind: KnownKind, name: string, apiVersion = API): ObjectRef {
    return { apiVersion, kind, namespace: this.namespace, name };
  }

  /** As a user would, with kubectl. */
  apply(kind: KnownKind, name: string, spec: object): Promise<KubeObject> {
    const metadata = { name, namespace: this.namespace };
    return this.client.apply({ apiVersion: API, kind, metadata, spec }, USER);
  }

  patchSpec(cell: string, spec: object): Promise<KubeObject> {
    return this.client.mergePatch(this.ref('Cell', cell), { spec }, USER);
  }

  cell(name: string): Promise<Cell> {
    return this.#get('Cell', name);
  }
  ring(name: string): Promise<ChannelRing> {
    return this.#get('ChannelRing', name);
  }
  workspace(name: string): Promise<Workspace> {
    return this.#get('Workspace', name);
  }
  practice(name: string): Promise<PracticeDrain> {
    return this.#get('PracticeDrain', name);
  }
  deployment(name: string): Promise<CellDeployment | undefined> {
    return this.client.get<CellDeployment>(this.ref('Deployment', name, 'apps/v1'));
  }

  async #get<T extends Resource>(kind: T['kind'], name: string): Promise<T> {
    const object = await this.client.get<T>(this.ref(kind, name));
    assert.ok(object, `${kind} ${name}`);
    return object;
  }

  /** Waits for Events with these reasons: each comes after the status that it tells of. */
  async told(about: KubeObject, reasons: readonly string[]): Promise<void> {
    await eventually(async () => {
      const seen = (await eventsAbout(this.client, about)).map((e) => e.reason);
      for (const reason of reasons) assert.ok(seen.includes(reason), `no ${reason} among ${seen.join()}`);
    });
  }
}
