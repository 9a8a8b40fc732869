/** `chatctl proxy-config`: what one node was sent, resource by resource. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { type NodeConfig, oneLine } from '../node-figures.ts';
import type { Registrar } from '../program.ts';
import { formatTable } from '../table.ts';
import { nodeNamed, readNodes, typeOf } from './proxy-status.ts';

interface Options {
  type?: string;
  name?: string;
}

export function addProxyConfigCommand({ command, context, done }: Registrar): void {
  command('proxy-config <node>', 'What an Envoy or server was sent, resource by resource; never keys or secrets.', [
    'chatctl proxy-config cell-a-edge-7d4f                       names and versions',
    'chatctl proxy-config cell-a-edge-7d4f -o yaml               their content: sent, and in force where that differs',
    'chatctl proxy-config cell-a-edge-7d4f --type rds -o json',
    'chatctl proxy-config cell-a-gateway-5c9b --type slots --name chatcells/main/0 -o yaml',
  ])
    .option('--type <type>', 'one resource type: cds, eds, lds, rds, SlotRange, Workspace or DrainOrder')
    .option('--name <name>', 'one resource')
    .action(async (node: string, options: Options, self: Command) => {
      await proxyConfig(context(self), node, options);
      done(EXIT.done);
    });
}

async function proxyConfig(context: Context, name: string, options: Options): Promise<void> {
  const type = typeOf(options);
  const row = nodeNamed(await readNodes(context), name);
  if (row.id === undefined || row.replica === undefined)
    throw new ChatError('service_unavailable', {}, new Error(`${row.node} is ${row.state}: nothing is known of it`));
  const all = await context.live().nodeConfig(row.replica, row.id);
  const types = all.types
    .filter((t) => type === undefined || t.type === type)
    .map((t) => ({
      ...t,
      resources: t.resources.filter((r) => options.name === undefined || r.name === options.name),
    }));
  context.print({ ...all, types }, () => resourceTable(types));
  context.next(`chatctl proxy-config ${row.node}${type === undefined ? '' : ` --type ${type}`} -o yaml`);
}

const resourceTable = (types: NodeConfig['types']): string =>
  formatTable(
    [
      { title: 'TYPE', value: (r) => r.type },
      { title: 'NAME', value: (r) => r.name },
      { title: 'SENT', value: (r) => r.version },
      { title: 'ACKED', value: (r) => (r.ackedVersion === r.version ? 'yes' : (r.ackedVersion ?? 'no')) },
      { title: 'REFUSED WITH', value: (r) => (r.refused === undefined ? '-' : oneLine(r.refused)) },
    ],
    types.flatMap((t) => t.resources.map((r) => ({ type: t.type, ...r }))),
    false,
  );
