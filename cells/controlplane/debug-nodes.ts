/** /debug/v1/nodes: what each Envoy and dataplane process was sent, by the name of its Pod, and what it refused. */
import { LABELS } from '../../crds/index.ts';
import { ChatError } from '../contract/errors.ts';
import type { Pod } from '../contract/kube/index.ts';
import type { NodeConfig } from '../xds/node-config.ts';
import type { NodeInfo, NodeStatus } from '../xds/server.ts';

/** Edges are named `edge/<cell>/<pod>`, dataplane processes `<pod uid>/<start nonce>`. Undefined: no Pod that is known. */
export function podOf({ id, role }: Pick<NodeInfo, 'id' | 'role'>, pods: ReadonlyMap<string, Pod>): Pod | undefined {
  const all = [...pods.values()];
  if (role === 'edge') return all.find((p) => id === `edge/${p.metadata.labels?.[LABELS.cell]}/${p.metadata.name}`);
  const [uid] = id.split('/');
  return all.find((p) => p.metadata.uid === uid);
}

export const withPods = (
  nodes: readonly NodeStatus[],
  pods: ReadonlyMap<string, Pod>,
): (NodeStatus & { pod: string | null })[] =>
  nodes.map((node) => ({ ...node, pod: podOf(node, pods)?.metadata.name ?? null }));

/** `path`: the segments after `/debug/v1/nodes`; an id may have slashes. Undefined when it is none of these. */
export function nodeConfigAt(path: readonly string[], configOf: (id: string) => NodeConfig | undefined): unknown {
  if (path.at(-1) !== 'config') return undefined;
  const id = path.slice(0, -1).join('/');
  const config = configOf(id);
  if (config === undefined)
    throw new ChatError('invalid_arguments', { argument: 'node', problem: `${id} is not connected to this replica` });
  return config;
}

/** What one process of a cell refused, in its own words. */
export interface Refusal {
  node: string;
  role: string;
  type: string;
  error: string;
}

/** Of the nodes of one cell, in a fixed order: what stays refused reads the same every time. */
export const refusalsOf = (cell: string, nodes: readonly NodeStatus[], pods: ReadonlyMap<string, Pod>): Refusal[] =>
  nodes
    .filter((n) => n.cell === cell)
    .flatMap((n) =>
      n.types.flatMap(({ type, lastError: error }) =>
        error === undefined ? [] : [{ node: podOf(n, pods)?.metadata.name ?? n.id, role: n.role, type, error }],
      ),
    )
    .sort((a, b) => (`${a.node}/${a.type}` < `${b.node}/${b.type}` ? -1 : 1));
