/** `chatctl proxy-status`: whether every Envoy and dataplane process has what the control plane sent it. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import { collectionPath } from '../../cells/contract/kube/client.ts';
import type { Pod } from '../../cells/contract/kube/objects.ts';
import { LABELS } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { formatDuration } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import {
  isSynced,
  type NodeRow,
  nodeRows,
  oneLine,
  TYPES,
  type TypeFigures,
  typeNamed,
  whyOf,
} from '../node-figures.ts';
import type { Registrar } from '../program.ts';
import { formatTable } from '../table.ts';

interface Options {
  type?: string;
}

export function addProxyStatusCommand({ command, context, done }: Registrar): void {
  command(
    'proxy-status [node]',
    'Whether each Envoy, gateway and api has acknowledged what the control plane sent it. Channel servers read the store instead and are not listed.',
    [
      'chatctl proxy-status                      SYNCED, STALE, NACKED, NOT SENT or DISCONNECTED; exit code 1 unless all are SYNCED',
      'chatctl proxy-status -o wide              by resource type: versions sent and acknowledged, and their ages',
      'chatctl proxy-status --type rds           the routes of every edge',
      'chatctl proxy-status cell-a-edge-7d4f     one node, by the name of its Pod',
    ],
  )
    .option('--type <type>', `one resource type: cds, eds, lds, rds, or ${TYPES.join(', ')}`)
    .action(async (node: string | undefined, options: Options, self: Command) =>
      done(await proxyStatus(context(self), node, options)),
    );
}

/** The type that was asked for. */
export function typeOf({ type }: Options): string | undefined {
  const named = type === undefined ? undefined : typeNamed(type);
  if (type !== undefined && named === undefined)
    throw new ChatError('usage', {
      problem: `There is no type ${type}: use cds, eds, lds, rds, or ${TYPES.join(', ')}.`,
    });
  return named;
}

/** Every node and every Pod that ought to be one; says on stderr which replicas are silent. */
export async function readNodes(context: Context): Promise<NodeRow[]> {
  const path = collectionPath('v1', 'Pod', context.namespace);
  const [replicas, pods] = await Promise.all([
    context.live().nodes(),
    context.kube.list<Pod>(path, { labelSelector: `${LABELS.name}=chatcells` }),
  ]);
  if (replicas.length === 0)
    throw new ChatError('service_unavailable', {}, new Error('no Pod of the control plane is there'));
  const silent = replicas.filter((r) => r.nodes === undefined).map((r) => r.pod);
  if (silent.length > 0)
    context.terminal.note(`No answer from ${silent.join(', ')}: what is connected there is not known.`);
  return nodeRows(replicas, pods);
}

/** One node by its Pod's name or its id. */
export function nodeNamed(rows: readonly NodeRow[], name: string): NodeRow {
  const found = rows.filter((r) => r.node === name || r.id === name);
  // Of an old stream and a new one of the same node the live one has something to tell.
  const row = found.find((r) => r.state === 'SYNCED') ?? found[0];
  if (row === undefined)
    throw new ChatError('usage', { problem: `There is no node ${name}: chatctl proxy-status lists them.` });
  return row;
}

async function proxyStatus(context: Context, name: string | undefined, options: Options): Promise<ExitCode> {
  const type = typeOf(options);
  const all = await readNodes(context);
  const rows = name === undefined ? all : [nodeNamed(all, name)];
  const byType = type !== undefined || name !== undefined || context.wide;
  context.print({ items: rows.map((r) => ({ ...r, why: whyOf(r) })) }, () =>
    byType ? typeTable(rows, type) : nodeTable(rows),
  );
  const bad = rows.filter((r) => !isSynced(r, type));
  const refused = bad.find((r) => r.state === 'NACKED') ?? bad.find((r) => r.id !== undefined);
  if (refused) context.next(`chatctl proxy-config ${refused.node} -o yaml`);
  else context.next(rows[0]?.id === undefined ? 'chatctl status' : `chatctl proxy-config ${rows[0].node}`);
  return bad.length === 0 ? EXIT.done : EXIT.failed;
}

const nodeTable = (rows: readonly NodeRow[]): string =>
  formatTable(
    [
      { title: 'NODE', value: (r) => r.node },
      { title: 'ROLE', value: (r) => r.role },
      { title: 'CELL', value: (r) => r.cell },
      { title: 'STATE', value: (r) => r.state },
      { title: 'BEHIND', value: (r) => (r.behindSeconds === 0 ? '-' : formatDuration(r.behindSeconds * 1_000)) },
      { title: 'REPLICA', value: (r) => r.replica },
      { title: 'WHY', value: (r) => whyOf(r) ?? '-' },
    ],
    rows,
    false,
  );

function typeTable(rows: readonly NodeRow[], only: string | undefined): string {
  const lines = rows.flatMap((row) =>
    row.types.filter((t) => only === undefined || t.type === only).map((type) => ({ row, type })),
  );
  const age = (seconds: number | undefined): string => (seconds === undefined ? '-' : formatDuration(seconds * 1_000));
  const silent = rows.filter((r) => r.types.length === 0).map((r) => `${r.node}   ${r.state}: ${whyOf(r) ?? ''}\n`);
  const table = formatTable<{ row: NodeRow; type: TypeFigures }>(
    [
      { title: 'NODE', value: ({ row }) => row.node },
      { title: 'TYPE', value: ({ type }) => type.type },
      { title: 'STATE', value: ({ type }) => type.state },
      { title: 'RESOURCES', value: ({ type }) => type.resources },
      { title: 'SENT', value: ({ type }) => type.sentVersion || '-' },
      { title: 'ACKED', value: ({ type }) => type.ackedVersion || '-' },
      { title: 'SENT AGO', value: ({ type }) => age(type.sentSecondsAgo) },
      { title: 'ANSWERED AGO', value: ({ type }) => age(type.answeredSecondsAgo) },
      { title: 'ACKS', value: ({ type }) => type.acks },
      { title: 'NACKS', value: ({ type }) => type.nacks },
      { title: 'REFUSED WITH', value: ({ type }) => (type.lastError === undefined ? '-' : oneLine(type.lastError)) },
    ],
    lines,
    false,
  );
  return table + silent.join('');
}
