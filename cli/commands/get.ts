/** `chatctl get` and `chatctl describe`. */
import type { Command } from 'commander';
import { eventsAbout } from '../../cells/contract/kube/events.ts';
import { PLURALS } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { describeText } from '../describe-text.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { type AnyResource, columnsOf, getResource, kindOfName, listResources } from '../resources.ts';
import { formatTable } from '../table.ts';

export function addGetCommands({ command, context, done }: Registrar): void {
  command('get <kind> [name]', 'Lists cells, rings, workspaces or practicedrains.', [
    'chatctl get cells',
    'chatctl get cells -o wide',
    'chatctl get workspaces acme -o yaml',
  ]).action(async (kindName: string, name: string | undefined, _: object, self: Command) => {
    await get(context(self), kindName, name);
    done(EXIT.done);
  });
  command(
    'describe <kind> [name]',
    'Shows conditions, drain and Events of cells, rings, workspaces or practicedrains.',
    [
      'chatctl describe cells cell-b',
      'chatctl describe rings main',
      'chatctl describe practicedrains weekly     what came of the last runs',
    ],
  ).action(async (kindName: string, name: string | undefined, _: object, self: Command) => {
    await describe(context(self), kindName, name);
    done(EXIT.done);
  });
}

async function objectsOf(context: Context, kindName: string, name: string | undefined): Promise<AnyResource[]> {
  const kind = kindOfName(kindName);
  if (name !== undefined) return [await getResource(context.kube, kind, context.namespace, name)];
  return listResources(context.kube, kind, context.namespace);
}

async function get(context: Context, kindName: string, name: string | undefined): Promise<void> {
  const kind = kindOfName(kindName);
  const objects = await objectsOf(context, kindName, name);
  context.print(name === undefined ? { items: objects } : objects[0], () =>
    formatTable(columnsOf(kind, context.environment.nowMs()), objects, context.wide),
  );
  if (objects.length === 0) context.terminal.note(`No ${PLURALS[kind]} in namespace ${context.namespace}.`);
  context.next(`chatctl describe ${PLURALS[kind]} ${objects[0]?.metadata.name ?? 'NAME'}`);
}

async function describe(context: Context, kindName: string, name: string | undefined): Promise<void> {
  const objects = await objectsOf(context, kindName, name);
  const described = await Promise.all(
    objects.map(async (object) => ({ object, events: await eventsAbout(context.kube, object) })),
  );
  context.print(name === undefined ? { items: described } : described[0], () =>
    described.map(({ object, events }) => describeText(object, events, context.environment.nowMs())).join('\n'),
  );
  context.next(nextFor(objects[0]));
}

function nextFor(object: AnyResource | undefined): string {
  if (object?.kind !== 'Cell') return 'chatctl status';
  const { name } = object.metadata;
  return object.spec.drain?.targetWeight === undefined
    ? `chatctl drain ${name} --dry-run`
    : `chatctl undrain ${name} --wait`;
}
