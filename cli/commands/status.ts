/** `chatctl status`: every cell, ring and workspace, ready or not, and why. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import { type Kind, PLURALS } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { type AnyResource, healthOf, listResources } from '../resources.ts';

const KINDS = Object.keys(PLURALS) as Kind[];
const POLL_MS = 1_000;

export interface StatusRow {
  kind: Kind;
  name: string;
  ready: boolean;
  why: string;
}

interface Options {
  wait?: boolean;
  timeout: string;
}

export function addStatusCommand({ command, context, done }: Registrar): void {
  command('status', 'Whether every Cell, ChannelRing and Workspace is ready, and what each waits for.', [
    'chatctl status',
    'chatctl status --wait --timeout 3m     until all are ready; exit code 3 when they are not in time',
    'chatctl status -o json',
  ])
    .option('--wait', 'wait until everything is ready')
    .option('--timeout <duration>', 'longest wait', '5m')
    .action(async (options: Options, self: Command) => done(await status(context(self), options)));
}

async function status(context: Context, options: Options): Promise<ExitCode> {
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined)
    throw new ChatError('usage', { problem: `--timeout ${options.timeout}: use 30s, 5m, 1h.` });
  const { environment, terminal } = context;
  const deadline = environment.nowMs() + timeoutMs;
  for (;;) {
    const rows = await readStatus(context);
    const waiting = rows.filter((r) => !r.ready);
    const isOver = waiting.length === 0 && rows.length > 0;
    const late = environment.nowMs() > deadline;
    if (isOver || !options.wait || late || environment.interrupted()) {
      show(context, rows);
      if (isOver) return EXIT.done;
      return options.wait ? EXIT.timedOut : EXIT.failed;
    }
    const first = waiting[0];
    terminal.live(
      first === undefined
        ? 'Nothing is there yet: apply Cells, a ChannelRing and Workspaces'
        : `${rows.length - waiting.length}/${rows.length} ready; ${first.kind} ${first.name}: ${first.why}`,
    );
    await environment.pause(POLL_MS);
  }
}

async function readStatus(context: Context): Promise<StatusRow[]> {
  const lists = await Promise.all(
    KINDS.map((kind) => listResources<AnyResource>(context.kube, kind, context.namespace)),
  );
  return lists.flat().map((o) => ({ kind: o.kind, name: o.metadata.name, ...healthOf(o) }));
}

function show(context: Context, rows: readonly StatusRow[]): void {
  const { green, red } = context.terminal.colors;
  context.print({ ready: rows.length > 0 && rows.every((r) => r.ready), items: rows }, () =>
    rows
      .map(
        (r) => `${r.ready ? green('√') : red('×')} ${`${r.kind} ${r.name}`.padEnd(28)} ${r.ready ? 'ready' : r.why}\n`,
      )
      .join(''),
  );
  const broken = rows.find((r) => !r.ready);
  if (rows.length === 0) {
    const { namespace } = context;
    context.terminal.note(`No cells, rings or workspaces in namespace ${namespace}.`);
    const files = '-f examples/cells.yaml -f examples/ring.yaml -f examples/workspaces.yaml';
    context.next(`kubectl apply -n ${namespace} ${files}`);
  } else if (broken) context.next(`chatctl describe ${PLURALS[broken.kind]} ${broken.name}`);
  else context.next('chatctl get cells');
}
