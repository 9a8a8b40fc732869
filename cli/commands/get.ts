/** `chatctl get` and `chatctl describe`. */
import type { Command } from 'commander';
import { eventsAbout } from '../../cells/contract/kube/events.ts';
import { type Condition, PLURALS } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { formatAge } from '../durations.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { type AnyResource, columnsOf, getResource, kindOfName, listResources } from '../resources.ts';
import { formatFields, formatTable } from '../table.ts';

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
    described.map(({ object, events }) => describeOne(object, events, context.environment.nowMs())).join('\n'),
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

function describeOne(object: AnyResource, events: Awaited<ReturnType<typeof eventsAbout>>, nowMs: number): string {
  const { metadata, spec, status } = object;
  const conditions = (status?.conditions ?? []) as Condition[];
  const rest = Object.entries((status ?? {}) as Record<string, unknown>).filter(([key]) => key !== 'conditions');
  const text = (value: unknown): string => (typeof value === 'object' ? JSON.stringify(value) : String(value));
  return [
    formatFields({
      Name: metadata.name,
      Namespace: metadata.namespace,
      Kind: object.kind,
      Age: formatAge(metadata.creationTimestamp, nowMs),
    }),
    'Spec:\n',
    formatFields(Object.fromEntries(Object.entries(spec).map(([k, v]) => [k, text(v)])), '  '),
    'Status:\n',
    formatFields(Object.fromEntries(rest.map(([k, v]) => [k, text(v)])), '  '),
    'Conditions:\n',
    ...conditions.map((c) => `  ${c.type.padEnd(18)} ${c.status.padEnd(8)} ${c.reason}: ${c.message}\n`),
    events.length === 0 ? 'Events: none\n' : 'Events:\n',
    ...events.map((e) => {
      const last = formatAge(e.series?.lastObservedTime ?? e.eventTime, nowMs) ?? '?';
      const times = e.series === undefined ? '' : ` (x${e.series.count})`;
      return `  ${`${last} ago`.padEnd(12)} ${e.type.padEnd(8)} ${e.reason}${times}: ${e.note ?? ''}\n`;
    }),
  ].join('');
}
