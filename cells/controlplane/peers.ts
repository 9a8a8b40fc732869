/** The other replicas: edges are connected to any one, so who has acknowledged what is known only by asking all. */
import { LABELS } from '../../crds/index.ts';
import { type Pod, podReady } from '../contract/kube/index.ts';
import type { NodeStatus } from '../xds/server.ts';

export interface PeerOptions {
  pods: ReadonlyMap<string, Pod>;
  /** The own Pod's name. */
  self: string;
  adminPort: number;
}

const TIMEOUT_MS = 500;

export class Peers {
  readonly #options: PeerOptions;

  constructor(options: PeerOptions) {
    this.#options = options;
  }

  /** Answers of the Ready replicas but this one to `/debug/v1/<what>`; undefined for one that did not answer. */
  ask<T>(what: string): Promise<(T | undefined)[]> {
    return Promise.all(
      this.#addresses().map(async (address): Promise<T | undefined> => {
        try {
          const url = `http://${address}/debug/v1/${what}`;
          const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
          return response.ok ? ((await response.json()) as T) : undefined;
        } catch {
          return undefined;
        }
      }),
    );
  }

  /** The nodes of every Ready replica; undefined when one did not answer. */
  async allNodes(own: readonly NodeStatus[]): Promise<NodeStatus[] | undefined> {
    const theirs = await this.ask<NodeStatus[]>('nodes');
    return theirs.includes(undefined) ? undefined : [...own, ...theirs.flatMap((nodes) => nodes ?? [])];
  }

  #addresses(): string[] {
    const { pods, self, adminPort } = this.#options;
    return [...pods.values()]
      .filter((p) => p.metadata.labels?.[LABELS.component] === 'controlplane' && p.metadata.name !== self)
      .flatMap((p) => (podReady(p) && p.status?.podIP ? [`${p.status.podIP}:${adminPort}`] : []));
  }
}

/** A node that has not caught up for so long is not going to by itself. */
const BEHIND_SECONDS = 5;

/** Names of Ready edge Pods that are connected to no replica, or have long not acknowledged what is in force. Pure. */
export function unreachableEdges(pods: Iterable<Pod>, nodes: readonly NodeStatus[]): string[] {
  const current = new Set(nodes.filter((n) => n.role === 'edge' && n.behindSeconds < BEHIND_SECONDS).map((n) => n.id));
  return [...pods]
    .filter((p) => p.metadata.labels?.[LABELS.component] === 'edge' && podReady(p))
    .filter((p) => !current.has(`edge/${p.metadata.labels?.[LABELS.cell]}/${p.metadata.name}`))
    .map((p) => p.metadata.name)
    .sort();
}
