/** The node's own objects: Node with its labels and conditions, and the Lease that says the agent is alive. */
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import type { Zone } from '../layout.ts';
import { type ApiClient, ApiError } from './api-client.ts';
import { kubeMicroTime, kubeTime } from './kube.ts';

const LEASE_SECONDS = 40;
const RENEW_MS = 5_000;
/** A kubelet looks at its Node this often, and writes the status that is not the one it has to report. */
const STATUS_MS = 10_000;
const VERSION = 'v1.34.4';

interface NodeStatusObject {
  status?: { conditions?: { type: string; status: string }[] };
}

interface LeaseObject {
  metadata: { resourceVersion?: string };
  spec: { renewTime?: string };
}

export class NodeObject {
  readonly #api: ApiClient;
  readonly #zone: Zone;
  readonly #log: Logger;
  #timers: NodeJS.Timeout[] = [];
  #registered = false;

  constructor(api: ApiClient, zone: Zone, log: Logger) {
    this.#api = api;
    this.#zone = zone;
    this.#log = log;
  }

  /** Registers the node, again and again until it succeeds, and keeps it Ready until `close`. */
  start(): void {
    const beat = (): void => {
      this.#beat().catch((error) => this.#log.warn({ error: String(error) }, 'node heartbeat failed'));
    };
    beat();
    const status = (): void => {
      this.#mendStatus().catch((error) => this.#log.warn({ error: String(error) }, 'node status not written'));
    };
    this.#timers = [setInterval(beat, RENEW_MS), setInterval(status, STATUS_MS)];
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  async #beat(): Promise<void> {
    if (!this.#registered) {
      await this.#register();
      await this.#writeStatus();
      this.#registered = true;
    }
    await this.#renewLease();
  }

  async #register(): Promise<void> {
    const metadata = {
      name: this.#zone.node,
      labels: {
        'kubernetes.io/hostname': this.#zone.node,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': process.arch === 'x64' ? 'amd64' : process.arch,
        'topology.kubernetes.io/zone': this.#zone.name,
        'topology.kubernetes.io/region': 'local',
      },
    };
    try {
      await this.#api.post('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409)) throw error;
      await this.#api.patch(`/api/v1/nodes/${this.#zone.node}`, 'merge', { metadata });
    }
  }

  /**
   * The node lifecycle controller that did not hear the Lease renewed sets the condition to Unknown and taints the node;
   * it is this agent that has to say that it is Ready again.
   */
  async #mendStatus(): Promise<void> {
    if (!this.#registered) return;
    const node = await this.#api.get<NodeStatusObject>(`/api/v1/nodes/${this.#zone.node}`);
    const ready = node.status?.conditions?.find((c) => c.type === 'Ready');
    if (ready?.status !== 'True') await this.#writeStatus();
  }

  async #writeStatus(): Promise<void> {
    const now = kubeTime(Date.now());
    const condition = (type: string, status: string, reason: string): object => ({
      type,
      status,
      reason,
      message: reason,
      lastHeartbeatTime: now,
      lastTransitionTime: now,
    });
    // Far more than the machine has: the scheduler shall spread Pods, not refuse them.
    const resources = { cpu: '64', memory: '64Gi', pods: '250', 'ephemeral-storage': '100Gi' };
    await this.#api.patch(`/api/v1/nodes/${this.#zone.node}/status`, 'strategic-merge', {
      status: {
        capacity: resources,
        allocatable: resources,
        addresses: [
          { type: 'InternalIP', address: this.#zone.nodeIp },
          { type: 'Hostname', address: this.#zone.node },
        ],
        conditions: [
          condition('Ready', 'True', 'AgentReady'),
          condition('MemoryPressure', 'False', 'AgentHasSufficientMemory'),
          condition('DiskPressure', 'False', 'AgentHasNoDiskPressure'),
          condition('PIDPressure', 'False', 'AgentHasSufficientPID'),
        ],
        nodeInfo: nodeInfo(this.#zone.node),
      },
    });
  }

  async #renewLease(): Promise<void> {
    const base = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const spec = {
      holderIdentity: this.#zone.node,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: kubeMicroTime(Date.now()),
    };
    try {
      await this.#api.patch<LeaseObject>(`${base}/${this.#zone.node}`, 'merge', { spec });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 404)) throw error;
      const metadata = { name: this.#zone.node, namespace: 'kube-node-lease' };
      await this.#api.post(base, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec });
    }
  }
}

function nodeInfo(node: string): Record<string, string> {
  return {
    machineID: node,
    systemUUID: node,
    bootID: node,
    kernelVersion: '',
    osImage: `host processes on ${hostname()}`,
    containerRuntimeVersion: 'process://1',
    kubeletVersion: VERSION,
    kubeProxyVersion: VERSION,
    operatingSystem: 'linux',
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
  };
}
