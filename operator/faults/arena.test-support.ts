/** A namespace of a real API server with a control plane's stand-in: where a scenario is played, once. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import type { KnownKind, ObjectRef } from '../../cells/contract/kube/client.ts';
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import { FaultProxy, type Faults } from '../../cells/contract/kube/fault-proxy.test-support.ts';
import type { RunningRole } from '../../cells/contract/process/role.ts';
import { systemRandom } from '../../cells/contract/system-clock.ts';
import type { Cell, ChannelRing, PracticeDrain, Workspace } from '../../crds/index.ts';
import { operatorKubeconfig, StandInControlplane, standInPod } from '../cluster.test-support.ts';
import { runOperator } from '../main.ts';
import { API } from '../world.ts';
import { StandInDeployments } from './deployments.test-support.ts';

const USER = { fieldManager: 'user' };
/** Room for what a scenario waits for, a killed leader's Lease and a busy machine included. */
const PATIENCE_MS = 60_000;

type Resource = Cell | ChannelRing | PracticeDrain | Workspace;

/** One operator, behind its own proxy. */
export interface Instance {
  proxy: FaultProxy;
  /** To be called also after a kill: what is left of it in this process ends, and can change nothing. */
  close(): Promise<void>;
}

export class Arena {
  readonly api: TestApiServer;
  readonly controlplane = new StandInControlplane();
  readonly deployments: StandInDeployments;
  readonly #dir = mkdtempSync(join(tmpdir(), 'chatcells-arena-'));
  #instances = 0;

  private constructor(api: TestApiServer) {
    this.api = api;
    this.deployments = new StandInDeployments(api);
  }

  static async open(server: TestApiServer): Promise<Arena> {
    const namespace = `arena-${systemRandom.hex(4)}`;
    await server.client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, USER);
    const arena = new Arena({ ...server, namespace });
    await operatorKubeconfig(arena.api, arena.#file('direct'));
    const port = await arena.controlplane.start();
    await standInPod(arena.api, { name: 'controlplane-0', component: 'controlplane', ready: true, port });
    return arena;
  }

  async close(): Promise<void> {
    await this.deployments.close();
    await this.controlplane.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async operator(faults: Faults = {}, env: Record<string, string> = {}): Promise<Instance> {
    const proxy = await FaultProxy.start(this.#file('direct'), faults);
    const name = `operator-${this.#instances++}`;
    proxy.writeKubeconfig(this.#file('direct'), this.#file(name));
    const role: RunningRole = await runOperator({
      KUBECONFIG: this.#file(name),
      NAMESPACE: this.api.namespace,
      POD_NAME: name,
      POD_IP: '127.0.0.1',
      ADMIN_PORT: '0',
      LOG_LEVEL: 'silent',
      IMAGE: 'chatcells:test',
      ENVOY_IMAGE: 'envoy:test',
      STORE_SECRET: 'store',
      SESSION_SECRET: 'session',
      XDS_ADDRESSES: 'zone-a=127.1.0.1:18000,zone-b=127.2.0.1:18000',
      SHARDS: '-80,80-',
      LEASE_DURATION: '1s',
      API_TIMEOUT: '2s',
      WATCH_INACTIVITY: '2s',
      ...env,
    });
    return {
      proxy,
      close: async () => {
        await role.close();
        proxy.kill();
      },
    };
  }

  #file(name: string): string {
    return join(this.#dir, name);
  }

  ref(kind: KnownKind, name: string, apiVersion = API): ObjectRef {
    return { apiVersion, kind, namespace: this.api.namespace, name };
  }

  apply(kind: KnownKind, name: string, spec: object): Promise<unknown> {
    const metadata = { name, namespace: this.api.namespace };
    return this.api.client.apply({ apiVersion: API, kind, metadata, spec }, USER);
  }

  patch(kind: KnownKind, name: string, spec: object): Promise<unknown> {
    return this.api.client.mergePatch(this.ref(kind, name), { spec }, USER);
  }

  delete(kind: KnownKind, name: string, apiVersion = API): Promise<boolean> {
    return this.api.client.delete(this.ref(kind, name, apiVersion));
  }

  get<T extends Resource>(kind: T['kind'], name: string): Promise<T | undefined> {
    return this.api.client.get<T>(this.ref(kind, name));
  }

  /** Waits until the object's status is so. */
  async status<T extends Resource>(
    kind: T['kind'],
    name: string,
    check: (status: NonNullable<T['status']>) => boolean,
  ): Promise<void> {
    await eventually(async () => {
      const status = (await this.get<T>(kind, name))?.status;
      if (!check(status ?? {})) throw new Error(`${kind} ${name} stays ${JSON.stringify(status)}`);
    }, PATIENCE_MS);
  }

  async gone(kind: KnownKind, name: string): Promise<void> {
    await eventually(async () => (await this.api.client.get(this.ref(kind, name))) === undefined, PATIENCE_MS);
  }

  /** Waits until the control plane was asked `times` times more: the operator leads and has gone through its rings. */
  async asked(times: number): Promise<void> {
    const from = this.controlplane.ringRequests;
    await eventually(() => this.controlplane.ringRequests >= from + times, PATIENCE_MS);
  }
}
