/** `chatctl practice run`: a practice drain now, beside its schedule. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Cell, PracticeDrain } from '../../crds/index.ts';
import { addGlobalOptions, type Context } from '../context.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { LeaderWatch } from '../leader-watch.ts';
import type { Registrar } from '../program.ts';
import { getResource, refTo } from '../resources.ts';

interface Options {
  wait?: boolean;
  timeout: string;
}

const POLL_MS = 1_000;
const FIELD_MANAGER = 'chatctl';
const EXAMPLES = `
Examples:
  chatctl practice run weekly
  chatctl practice run weekly --wait      until its traffic is back; exit code 4 when it was skipped
  chatctl undrain cell-b --wait           ends a practice of cell-b: a person always wins
  chatctl describe practicedrains weekly  what came of the last runs`;

export function addPracticeCommands({ program, context, done }: Registrar): void {
  const practice = addGlobalOptions(
    program
      .command('practice')
      .description('Practice drains: see also get, describe and examples/practice-drain.yaml.'),
  ).addHelpText('after', EXAMPLES);
  addGlobalOptions(
    practice
      .command('run <name>')
      .description('Runs a PracticeDrain now, beside its schedule and also while suspended.'),
  )
    .addHelpText('after', EXAMPLES)
    .option('--wait', 'watch until it is over and the traffic is back')
    .option('--timeout <duration>', 'longest wait; the practice goes on', '1h')
    .action(async (name: string, options: Options, self: Command) => done(await run(context(self), name, options)));
}

async function run(context: Context, name: string, options: Options): Promise<ExitCode> {
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined)
    throw new ChatError('usage', { problem: `--timeout ${options.timeout}: use 30s, 5m, 1h.` });
  const before = await read(context, name);
  if (before.status?.run)
    throw new ChatError('refused', { problem: `Not run: ${name} already practises with ${before.status.run.cell}.` });
  const runAt = new Date(context.environment.nowMs()).toISOString();
  await context.kube.mergePatch<PracticeDrain>(
    refTo('PracticeDrain', context.namespace, name),
    { spec: { runAt } },
    { fieldManager: FIELD_MANAGER },
  );
  context.terminal.note(`${name} is to run now. Ctrl-C stops only the watching.`);
  if (options.wait) return watch(context, name, { runAt, timeoutMs });
  context.print({ practice: name, runAt }, () => `${name} runs at ${runAt}.\n`);
  context.next(`chatctl describe practicedrains ${name}`);
  return EXIT.done;
}

const read = (context: Context, name: string): Promise<PracticeDrain> =>
  getResource<PracticeDrain>(context.kube, 'PracticeDrain', context.namespace, name);

async function watch(
  context: Context,
  name: string,
  { runAt, timeoutMs }: { runAt: string; timeoutMs: number },
): Promise<ExitCode> {
  const { environment, terminal } = context;
  const until = environment.nowMs() + timeoutMs;
  const leader = new LeaderWatch();
  for (;;) {
    const [{ status = {} }] = await Promise.all([read(context, name), context.lookForLeader(leader)]);
    if (status.handledRunAt === runAt && !status.run) return report(context, name, status.lastRun);
    const leaderless = leader.text(environment.nowMs());
    terminal.live(`${await lineOf(context, name, status)}${leaderless && `  ${leaderless}`}`);
    if (environment.interrupted()) {
      terminal.note('Stopped watching; the operator goes on.');
      context.next(`chatctl describe practicedrains ${name}`);
      return EXIT.timedOut;
    }
    if (environment.nowMs() > until) throw new ChatError('timed_out', { seconds: Math.round(timeoutMs / 1000) });
    await environment.pause(POLL_MS);
  }
}

async function lineOf(
  context: Context,
  name: string,
  { phase, run }: NonNullable<PracticeDrain['status']>,
): Promise<string> {
  if (!run) return `${name}  ${phase ?? 'the operator has not looked at it yet'}`;
  const cell = await getResource<Cell>(context.kube, 'Cell', context.namespace, run.cell);
  const why = run.outcome === undefined ? '' : `  ${run.outcome}: ${run.message ?? run.reason}`;
  return `${name}  ${phase}  ${run.cell} weight ${cell.status?.weight ?? '?'} %${why}`;
}

function report(context: Context, name: string, last: NonNullable<PracticeDrain['status']>['lastRun']): ExitCode {
  const outcome = last?.outcome ?? 'Skipped';
  context.print(
    { practice: name, ...last },
    () => `${name}  ${last?.cell}  ${outcome}: ${last?.message ?? last?.reason}\n`,
  );
  context.next(`chatctl describe practicedrains ${name}`);
  if (outcome === 'Succeeded') return EXIT.done;
  return outcome === 'Skipped' ? EXIT.refused : EXIT.failed;
}
