/** Edges are connected to any one replica: who has acknowledged what is known only by asking all of them. */
import { LABELS } from '../../crds/index.ts';
import { type Pod, podReady } from '../contract/kube/index.ts';
import type { NodeStatus } from '../xds/server.ts';

export interface PeerOptions {
  pods: ReadonlyMap<string, Pod>;
  /** The own Pod's name. */
  self: string;
  adminPort: number;
  ownNodes: () => NodeStatus[];
}

const TIMEOUT_MS = 500;

/** The nodes of every Ready replica, the own ones first; undefined when one of them did not answer. */
export async function allNodes(options: PeerOptions): Promise<NodeStatus[] | undefined> {
  const peers = [...options.pods.values()].filter(
    (p) =>
      p.metadata.labels?.[LABELS.component] === 'controlplane' &&
      p.metadata.name !== options.self &&
      podReady(p) &&
      p.status?.podIP !== undefined,
  );
  try {
    const answers = peers.map(async (p): Promise<NodeStatus[]> => {
      const url = `http://${p.status?.podIP}:${options.adminPort}/debug/v1/nodes`;
      const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      return (await response.json()) as NodeStatus[];
    });
    return [...options.ownNodes(), ...(await Promise.all(answers)).flat()];
  } catch {
    return undefined;
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
