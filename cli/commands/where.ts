/** `chatctl where`: which server owns a channel. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import { isTopicId } from '../../cells/contract/ids.ts';
import type { Workspace } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { getResource, listResources } from '../resources.ts';
import { formatFields } from '../table.ts';

export function addWhereCommand({ command, context, done }: Registrar): void {
  command('where <channel>', 'Slot, owner, standby, epoch and cell of a channel, DM, user or workspace id.', [
    'chatctl where C0M3KQ9XYZ12 --workspace acme',
    'chatctl where C0M3KQ9XYZ12 -o json        the ring is that of the only one there is',
  ])
    .option('-w, --workspace <name>', 'the Workspace that the channel is of: its ring is taken')
    .action(async (topic: string, options: { workspace?: string }, self: Command) => {
      await where(context(self), topic, options.workspace);
      done(EXIT.done);
    });
}

async function where(context: Context, topic: string, workspace: string | undefined): Promise<void> {
  if (!isTopicId(topic))
    throw new ChatError('usage', { problem: `${topic} is no id of a channel, user or workspace.` });
  const found = await context.live().where(topic, `${context.namespace}/${await ringOf(context, workspace)}`);
  const place = (p: typeof found.owner): string | undefined =>
    p ? `${p.pod} (${p.cell}, ${p.zone}, ${p.address})` : undefined;
  context.print(found, () =>
    formatFields({
      Topic: topic,
      Ring: found.ring,
      Slot: found.slot,
      Cell: found.cell ?? 'none',
      Owner: place(found.owner) ?? 'none: it is being taken over',
      Standby: place(found.standby) ?? 'none',
      'Moving to': place(found.target),
      Epoch: found.epoch,
    }),
  );
  context.next(found.cell === null ? 'chatctl describe rings' : `chatctl describe cells ${found.cell}`);
}

async function ringOf(context: Context, workspace: string | undefined): Promise<string> {
  if (workspace !== undefined)
    return (await getResource<Workspace>(context.kube, 'Workspace', context.namespace, workspace)).spec.ring;
  const rings = await listResources(context.kube, 'ChannelRing', context.namespace);
  if (rings.length === 1) return rings[0]!.metadata.name;
  throw new ChatError('usage', {
    problem: `There are ${rings.length} rings: say which --workspace the channel is of.`,
  });
}
