/** `chatctl drain` and `undrain`: intent into Cell.spec.drain, then watching. Ctrl-C ends the watching alone. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Cell } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { Pace } from '../drain-pace.ts';
import {
  commandFor,
  type DrainIntent,
  type DrainOptions,
  drainIntent,
  progressOf,
  refusal,
  undrainIntent,
} from '../drain-plan.ts';
import { progressLine } from '../drain-progress.ts';
import { formatCount, formatDuration, parseDuration } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { LeaderWatch } from '../leader-watch.ts';
import type { CellFigures } from '../live.ts';
import type { Registrar } from '../program.ts';
import { getResource, listResources, refTo } from '../resources.ts';
import { whoAmI } from '../who.ts';

interface Options extends DrainOptions {
  dryRun?: boolean;
  wait?: boolean;
  timeout: string;
}

const POLL_MS = 1_000;
const FIELD_MANAGER = 'chatctl';

export function addDrainCommands({ command, context, done }: Registrar): void {
  command('drain <cell>', 'Moves the traffic, sockets and slots of a Cell to the others.', [
    'chatctl drain cell-b --dry-run',
    'chatctl drain cell-b --wait --reason "INC-42: packet loss in zone b"',
    'chatctl drain cell-b --fast               1 % every 0.5 s instead of 2 s',
    'chatctl drain cell-b --to 50              only half of its traffic',
    'chatctl drain cell-b --deadline 10m       Event, condition and alert when it takes longer',
    'chatctl pause cell-b                      stop it where it is; chatctl resume cell-b goes on',
  ])
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--wait', 'watch until it is drained')
    .option('--timeout <duration>', 'longest wait; the drain goes on', '15m')
    .option('--fast', 'a step every 0.5 s')
    .option('--to <percent>', 'weight to go to', '0')
    .option('--step <percent>', 'size of a step (default: 1)')
    .option('--deadline <duration>', 'from its start; later it is said to be overdue (default: by its pace)')
    .option('--force', 'go on although the other Cells have no room or fail; give a --reason')
    .option('--reason <text>', 'why, for who looks at it later')
    .action(async (cell: string, options: Options, self: Command) => done(await drain(context(self), cell, options)));
  command('undrain <cell>', 'Gives a Cell its traffic back, beginning at 1 %.', [
    'chatctl undrain cell-b --wait',
    'chatctl undrain cell-b --fast',
    'chatctl pause cell-b              keep it at the weight that it has; chatctl resume cell-b goes on',
  ])
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--wait', 'watch until it has its weight again')
    .option('--timeout <duration>', 'longest wait; the undrain goes on', '15m')
    .option('--fast', 'a step every 0.5 s')
    .option('--step <percent>', 'size of a step (default: 1)')
    .option('--deadline <duration>', 'from its start; later it is said to be overdue (default: by its pace)')
    .action(async (cell: string, options: Options, self: Command) => done(await undrain(context(self), cell, options)));
}

async function drain(context: Context, name: string, options: Options): Promise<ExitCode> {
  const timeoutMs = timeoutOf(options);
  if (drainIntent(options) === undefined)
    throw new ChatError('usage', { problem: '--to takes 0 to 100, --step 1 to 100, --deadline 30s, 10m, 1h.' });
  if (options.force && options.reason === undefined)
    throw new ChatError('usage', { problem: '--force needs a --reason: it is recorded in the Cell.' });
  const cells = await listResources<Cell>(context.kube, 'Cell', context.namespace);
  const cell = cells.find((c) => c.metadata.name === name);
  if (cell === undefined) throw new ChatError('not_found', { kind: 'Cell', name, namespace: context.namespace });
  const intent = drainIntent(options, { drain: cell.spec.drain, requestedBy: await whoAmI(context) })!;
  const target = intent.targetWeight ?? 0;
  if (cell.spec.drain?.targetWeight === target && progressOf(cell).phase === 'done') {
    context.terminal.note(`${name} is ${target === 0 ? 'drained' : `at ${target} %`} already.`);
    return report(context, cell, options);
  }
  const loads = await context
    .live()
    .cells()
    .catch(() => undefined);
  const others = cells.filter((c) => c !== cell);
  const why = refusal({ cell, others, target, force: intent.force, loads });
  if (why !== undefined) throw new ChatError('refused', { problem: `Not drained: ${why}.` });
  return carryOut(context, cell, { intent, options, timeoutMs });
}

async function undrain(context: Context, name: string, options: Options): Promise<ExitCode> {
  const timeoutMs = timeoutOf(options);
  if (undrainIntent(options) === undefined)
    throw new ChatError('usage', { problem: '--step takes 1 to 100, --deadline 30s, 10m, 1h.' });
  const cell = await getResource<Cell>(context.kube, 'Cell', context.namespace, name);
  if (cell.spec.drain?.targetWeight === undefined && progressOf(cell).phase === 'done') {
    context.terminal.note(`${name} is not drained.`);
    return report(context, cell, options);
  }
  const underWay = cell.spec.drain?.targetWeight === undefined;
  const present = { drain: cell.spec.drain, requestedBy: await whoAmI(context) };
  const intent = undrainIntent(options, present, underWay)!;
  return carryOut(context, cell, { intent, options, timeoutMs });
}

/** Checked before anything is written. */
function timeoutOf(options: Options): number {
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined)
    throw new ChatError('usage', { problem: `--timeout ${options.timeout}: use 30s, 5m, 1h.` });
  return timeoutMs;
}

async function carryOut(
  context: Context,
  cell: Cell,
  { intent, options, timeoutMs }: { intent: DrainIntent; options: Options; timeoutMs: number },
): Promise<ExitCode> {
  const { name } = cell.metadata;
  const patched: Cell = { ...cell, spec: { ...cell.spec, drain: withoutNulls({ ...cell.spec.drain, ...intent }) } };
  const plan = progressOf(patched);
  const steps = `from ${plan.weight} % to ${plan.target} % by ${intent.stepPercent} % every ${intent.stepInterval}, about ${formatDuration(plan.stepsMs)}`;
  if (options.dryRun) {
    const leaving = plan.emptying ? await leftIn(context, name) : undefined;
    const moving = leaving
      ? ` ${formatCount(leaving.sockets)} sockets and ${formatCount(leaving.slots)} slots are to leave.`
      : '';
    const would = { cell: name, dryRun: true, ...plan, ...(leaving && { leaving }), drain: intent };
    context.print(would, () => `${name} would go ${steps}.${moving}\n`);
    context.next(`${commandFor(name, intent, options)} --wait`);
    return EXIT.done;
  }
  const ref = refTo('Cell', context.namespace, name);
  const after = await context.kube.mergePatch<Cell>(ref, { spec: { drain: intent } }, { fieldManager: FIELD_MANAGER });
  if (intent.paused) context.terminal.note(`${name} is paused at ${plan.weight} %: chatctl resume ${name} goes on.`);
  else context.terminal.note(`${name} goes ${steps}. Ctrl-C stops only the watching.`);
  if (!options.wait) {
    context.next(`${commandFor(name, intent)} --wait`);
    return report(context, after, options);
  }
  return watch(context, name, options, timeoutMs);
}

/** Undefined when no control plane tells. */
async function leftIn(context: Context, name: string): Promise<CellFigures | undefined> {
  const cells = await context
    .live()
    .cells()
    .catch(() => []);
  return cells.find((f) => f.cell === name);
}

async function watch(context: Context, name: string, options: Options, timeoutMs: number): Promise<ExitCode> {
  const { environment, terminal } = context;
  const live = context.live();
  const pace = new Pace();
  const leader = new LeaderWatch();
  const until = environment.nowMs() + timeoutMs;
  for (;;) {
    const [cell, cells] = await Promise.all([
      getResource<Cell>(context.kube, 'Cell', context.namespace, name),
      live.cells().catch((): CellFigures[] => []),
      context.lookForLeader(leader),
    ]);
    const nowMs = environment.nowMs();
    const seen = (cell.status?.observedGeneration ?? 0) >= cell.metadata.generation;
    const progress = progressOf(cell);
    const figures = cells.find((f) => f.cell === name);
    if (figures) pace.observe(figures, nowMs);
    terminal.live(progressLine(name, { progress, figures, pace, leaderless: leader.text(nowMs), nowMs }));
    if (progress.phase === 'done' && (seen || cell.status?.drain !== undefined)) return report(context, cell, options);
    if (environment.interrupted()) {
      terminal.note('Stopped watching; the operator goes on.');
      context.next(`chatctl describe cells ${name}`);
      return EXIT.timedOut;
    }
    if (nowMs > until) throw new ChatError('timed_out', { seconds: Math.round(timeoutMs / 1000) });
    await environment.pause(POLL_MS);
  }
}

function report(context: Context, cell: Cell, options: Options): ExitCode {
  const { name } = cell.metadata;
  const progress = progressOf(cell);
  context.print(
    { cell: name, ...progress, status: cell.status?.drain },
    () => `${name}  weight ${progress.weight} %  ${phaseOf(cell)}\n`,
  );
  if (progress.phase === 'paused') context.next(`chatctl resume ${name}`);
  else if (options.wait || progress.phase === 'done')
    context.next(cell.spec.drain?.targetWeight === undefined ? 'chatctl status' : `chatctl undrain ${name} --wait`);
  return EXIT.done;
}

/** The phase `None` is the absence of a drain. */
function phaseOf(cell: Cell): string {
  const { phase = 'None' } = cell.status?.drain ?? {};
  return phase === 'None' ? 'not draining' : phase;
}

const withoutNulls = (drain: object): NonNullable<Cell['spec']['drain']> =>
  Object.fromEntries(Object.entries(drain).filter(([, v]) => v !== null)) as NonNullable<Cell['spec']['drain']>;
