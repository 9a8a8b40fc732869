/** `chatctl ring pause` and `resume`: ChannelRing.spec.handoff.paused. */
import type { Command } from 'commander';
import type { ChannelRing } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { refTo, ringNamed } from '../resources.ts';

const FIELD_MANAGER = 'chatctl';

export function addRingPauseCommands({ command, context, done }: Registrar, parent: Command): void {
  command(
    'pause [ring]',
    'Stops planned moves of slots: rebalancing, drains, pins, hot slots. Failover goes on.',
    ['chatctl ring pause --reason "INC-42: no moves while the store is upgraded"'],
    parent,
  )
    .requiredOption('--reason <text>', 'why, for who looks at it later')
    .action(async (name: string | undefined, { reason }: { reason: string }, self: Command) =>
      done(await pause(context(self), name, reason)),
    );
  command(
    'resume [ring]',
    'Lets planned moves of slots go on.',
    ['chatctl ring resume', 'chatctl ring resume main'],
    parent,
  ).action(async (name: string | undefined, _: object, self: Command) => done(await resume(context(self), name)));
}

async function pause(context: Context, name: string | undefined, reason: string): Promise<ExitCode> {
  const ring = await ringNamed(context.kube, context.namespace, name);
  const before = ring.spec.handoff;
  if (before?.paused && before.pauseReason === reason) {
    context.terminal.note(`${ring.metadata.name} is paused already.`);
    return report(context, ring);
  }
  const after = await patch(context, ring, { paused: true, pauseReason: reason });
  context.terminal.note(
    before?.paused
      ? `${ring.metadata.name} is paused already (${before.pauseReason ?? 'no reason given'}); the reason is now yours.`
      : `${ring.metadata.name} is paused: no planned move is started, and handoffs that have begun end. Failover goes on.`,
  );
  return report(context, after);
}

async function resume(context: Context, name: string | undefined): Promise<ExitCode> {
  const ring = await ringNamed(context.kube, context.namespace, name);
  if (!ring.spec.handoff?.paused) {
    context.terminal.note(`${ring.metadata.name} is not paused.`);
    return report(context, ring);
  }
  const after = await patch(context, ring, { paused: null, pauseReason: null });
  context.terminal.note(`${ring.metadata.name} goes on with its planned moves.`);
  return report(context, after);
}

const patch = (
  context: Context,
  { metadata: { name, namespace } }: ChannelRing,
  handoff: object,
): Promise<ChannelRing> =>
  context.kube.mergePatch(
    refTo('ChannelRing', namespace, name),
    { spec: { handoff } },
    { fieldManager: FIELD_MANAGER },
  );

function report(context: Context, ring: ChannelRing): ExitCode {
  const { name } = ring.metadata;
  const { paused = false, pauseReason } = ring.spec.handoff ?? {};
  context.print({ ring: name, paused, pauseReason: pauseReason ?? null }, () =>
    paused ? `${name}  paused: ${pauseReason ?? 'no reason given'}\n` : `${name}  not paused\n`,
  );
  context.next(paused ? `chatctl ring resume ${name}` : `chatctl ring plan ${name}`);
  return EXIT.done;
}
