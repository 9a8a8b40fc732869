/** `chatctl where`: which server owns a channel or a slot. */
import type { Command } from 'commander';
import { isTopicId } from '../../cells/contract/ids.ts';
import type { Workspace } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { getResource, ringNamed } from '../resources.ts';
import type { Place } from '../ring-figures.ts';
import { slotNamed } from '../slot-name.ts';
import { formatFields } from '../table.ts';

interface Options {
  workspace?: string;
  ring?: string;
}

export function addWhereCommand({ command, context, done }: Registrar): void {
  command(
    'where <channel>',
    'Slot, owner, standby, epoch and cell of a channel, DM, user or workspace id, or of a slot.',
    [
      'chatctl where C0M3KQ9XYZ12 --workspace acme',
      'chatctl where C0M3KQ9XYZ12 -o json        the ring is that of the only one there is',
      'chatctl where 4711 --ring main            a slot by its number',
    ],
  )
    .option('-w, --workspace <name>', 'the Workspace that the channel is of: its ring is taken')
    .option('-r, --ring <name>', 'the ring')
    .action(async (what: string, options: Options, self: Command) => {
      await where(context(self), what, options);
      done(EXIT.done);
    });
}

async function where(context: Context, what: string, options: Options): Promise<void> {
  const slot = slotNamed(what);
  const ring = await ringOf(context, options);
  const topic = isTopicId(what) ? what : undefined;
  const query = topic === undefined ? { slot: String(slot) } : { topic };
  const found = await context.live().where(query, `${context.namespace}/${ring}`);
  const place = (p: Place | null): string | undefined =>
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
      'Pinned to': found.pin && `${found.pin.pod}${found.pin.reason === undefined ? '' : `: ${found.pin.reason}`}`,
      Epoch: found.epoch,
    }),
  );
  context.next(found.cell === null ? `chatctl ring status ${ring}` : `chatctl describe cells ${found.cell}`);
}

async function ringOf(context: Context, { workspace, ring }: Options): Promise<string> {
  const { kube, namespace } = context;
  if (ring === undefined && workspace !== undefined)
    return (await getResource<Workspace>(kube, 'Workspace', namespace, workspace)).spec.ring;
  return (await ringNamed(kube, namespace, ring)).metadata.name;
}
