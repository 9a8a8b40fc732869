/** `chatctl pause` and `resume`: the drain or undrain of a Cell stands still at its present weight, or goes on. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Cell } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { commandFor, progressOf } from '../drain-plan.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { getResource, refTo } from '../resources.ts';

const FIELD_MANAGER = 'chatctl';

export function addPauseCommands({ command, context, done }: Registrar): void {
  command(
    'pause <cell>',
    'Stops the drain or undrain of a Cell where it is: nothing more leaves, nothing comes back.',
    ['chatctl pause cell-b --reason "INC-42: watching the caches"', 'chatctl resume cell-b'],
  )
    .option('--reason <text>', 'why, for who looks at it later')
    .action(async (cell: string, options: { reason?: string }, self: Command) =>
      done(await pause(context(self), cell, options.reason)),
    );
  command('resume <cell>', 'Lets a paused drain or undrain of a Cell go on.', ['chatctl resume cell-b']).action(
    async (cell: string, _: object, self: Command) => done(await resume(context(self), cell)),
  );
}

async function pause(context: Context, name: string, reason: string | undefined): Promise<ExitCode> {
  const cell = await getResource<Cell>(context.kube, 'Cell', context.namespace, name);
  if (progressOf(cell).phase === 'done')
    throw new ChatError('refused', { problem: `Not paused: ${name} neither drains nor undrains.` });
  const isPaused = cell.spec.drain?.paused === true;
  if (!isPaused || reason !== undefined) await patch(context, name, { paused: true, pauseReason: reason ?? null });
  return report(context, cell, { paused: true, said: isPaused ? 'is paused already' : 'is to stand still' });
}

async function resume(context: Context, name: string): Promise<ExitCode> {
  const cell = await getResource<Cell>(context.kube, 'Cell', context.namespace, name);
  const isPaused = cell.spec.drain?.paused === true;
  if (isPaused) await patch(context, name, { paused: null, pauseReason: null });
  return report(context, cell, { paused: false, said: isPaused ? 'is to go on' : 'is not paused' });
}

const patch = (context: Context, name: string, drain: object): Promise<Cell> =>
  context.kube.mergePatch<Cell>(
    refTo('Cell', context.namespace, name),
    { spec: { drain } },
    { fieldManager: FIELD_MANAGER },
  );

function report(context: Context, cell: Cell, { paused, said }: { paused: boolean; said: string }): ExitCode {
  const { name } = cell.metadata;
  const { weight, target } = progressOf(cell);
  context.print(
    { cell: name, paused, weight, target },
    () => `${name} ${said}: it was at ${weight} %, its target is ${target} %.\n`,
  );
  const { targetWeight = null } = cell.spec.drain ?? {};
  context.next(paused ? `chatctl resume ${name}` : `${commandFor(name, { targetWeight })} --wait`);
  return EXIT.done;
}
