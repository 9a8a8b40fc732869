/** `chatctl ring move`: a pin into ChannelRing.spec.handoff.pins, or out of it. Ctrl-C ends the watching alone. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import { refusedStatus } from '../../cells/contract/kube/client.ts';
import type { ChannelRing } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { refTo, ringNamed } from '../resources.ts';
import type { WhereFigures } from '../ring-figures.ts';
import { moveRefusal, type Pin, pinsOf, withoutPin, withPin } from '../ring-pins.ts';
import { slotNamed } from '../slot-name.ts';

interface Options {
  to?: string;
  unpin?: boolean;
  reason?: string;
  wait?: boolean;
  dryRun?: boolean;
  force?: boolean;
  timeout: string;
}

const POLL_MS = 500;
const FIELD_MANAGER = 'chatctl';
/** Others write to the ring as well: its status while slots move. */
const MAX_TRIES = 10;

export function addRingMoveCommand({ command, context, done }: Registrar, parent: Command): void {
  command(
    'move <slot> [ring]',
    'Moves a slot to a channel server and pins it there, or takes the pin away.',
    [
      'chatctl ring move 4711 --to cell-a-channel-7d4f-x2x7l --reason "INC-42" --wait',
      'chatctl ring move C0M3KQ9XYZ12 --to cell-a-channel-7d4f-x2x7l    the slot of a channel, with all else in it',
      'chatctl ring move 4711 --unpin                                   it stays where it is until balance moves it',
    ],
    parent,
  )
    .option('--to <pod>', 'the channel server that is to own it')
    .option('--unpin', 'take its pin away')
    .option('--reason <text>', 'why, for who looks at it later')
    .option('--wait', 'watch until it is there')
    .option('--timeout <duration>', 'longest wait; the move goes on', '2m')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--force', 'pin it although the Pod is no member or leaves: the pin waits until it is one that stays')
    .action(async (slot: string, ring: string | undefined, options: Options, self: Command) =>
      done(await move(context(self), slot, ring, options)),
    );
}

/** What is moved, and where it is now. */
interface Move {
  ring: ChannelRing;
  slot: number;
  at: WhereFigures | undefined;
}

async function move(context: Context, text: string, ringName: string | undefined, options: Options): Promise<ExitCode> {
  const slot = slotNamed(text);
  const timeoutMs = parseDuration(options.timeout);
  if (timeoutMs === undefined)
    throw new ChatError('usage', { problem: `--timeout ${options.timeout}: use 30s, 5m, 1h.` });
  if ((options.to === undefined) === (options.unpin !== true))
    throw new ChatError('usage', { problem: 'Say --to POD or --unpin.' });
  const ring = await ringNamed(context.kube, context.namespace, ringName);
  const at = await whereIs(context, ring, slot).catch((e: unknown) => {
    if (options.to === undefined || options.force) return undefined;
    throw e;
  });
  if (options.to === undefined) return unpin(context, { ring, slot, at }, options);
  return pinTo(context, { ring, slot, at }, options.to, { ...options, timeoutMs });
}

const whereIs = (
  context: Context,
  { metadata: { name, namespace } }: ChannelRing,
  slot: number,
): Promise<WhereFigures> => context.live().where({ slot: String(slot) }, `${namespace}/${name}`);

async function pinTo(
  context: Context,
  { ring, slot, at }: Move,
  pod: string,
  options: Options & { timeoutMs: number },
): Promise<ExitCode> {
  const { name } = ring.metadata;
  const pin: Pin = { slot, pod, ...(options.reason === undefined ? {} : { reason: options.reason }) };
  const before = pinsOf(ring).find((p) => p.slot === slot);
  const isThere = before?.pod === pod && at?.owner?.pod === pod;
  if (isThere && (options.reason === undefined || options.reason === before.reason)) {
    context.terminal.note(`Slot ${slot} is pinned to ${pod} and owned by it already.`);
    return report(context, ring, slot, at);
  }
  if (!options.force) {
    const { members } = await context.live().ring(`${context.namespace}/${name}`);
    const why = moveRefusal({ pod, slot, pins: pinsOf(ring), members });
    if (why !== undefined) throw new ChatError('refused', { problem: `Not moved: ${why}.` });
  }
  const from = at?.owner?.pod ?? 'nobody';
  const what = from === pod ? `Slot ${slot} stays at ${pod}` : `Slot ${slot} goes from ${from} to ${pod}`;
  if (options.dryRun) {
    context.print({ ring: name, dryRun: true, slot, from: at?.owner?.pod ?? null, pin }, () => `${what}.\n`);
    context.next(`chatctl ring move ${slot} ${name} --to ${pod} --wait`);
    return EXIT.done;
  }
  const after = await writePins(context, ring, (pins) => withPin(pins, pin));
  context.terminal.note(`${what}, by a planned handoff; it is pinned there until --unpin.`);
  const { paused, pauseReason } = ring.spec.handoff ?? {};
  if (paused && from !== pod)
    context.terminal.note(
      `${name} is paused (${pauseReason ?? 'no reason given'}): the slot moves when it is resumed.`,
    );
  return options.wait ? watch(context, after, slot, pod, options.timeoutMs) : report(context, after, slot, at);
}

async function unpin(context: Context, { ring, slot, at }: Move, options: Options): Promise<ExitCode> {
  const pin = pinsOf(ring).find((p) => p.slot === slot);
  if (pin === undefined) {
    context.terminal.note(`Slot ${slot} is not pinned.`);
    return report(context, ring, slot, at);
  }
  if (options.dryRun) {
    const what = `The pin of slot ${slot} to ${pin.pod} would be taken away.\n`;
    context.print({ ring: ring.metadata.name, dryRun: true, slot, unpin: pin }, () => what);
    context.next(`chatctl ring move ${slot} ${ring.metadata.name} --unpin`);
    return EXIT.done;
  }
  const after = await writePins(context, ring, (pins) => withoutPin(pins, slot));
  context.terminal.note(`Slot ${slot} is free again: it stays where it is until balance moves it.`);
  return report(context, after, slot, at);
}

/** Writes the list as long as nobody else has changed the object in between, so that no pin of others is lost. */
async function writePins(
  context: Context,
  read: ChannelRing,
  edit: (pins: readonly Pin[]) => Pin[],
): Promise<ChannelRing> {
  const { name, namespace } = read.metadata;
  for (let ring = read, tries = 1; ; tries++) {
    const patch = {
      metadata: { resourceVersion: ring.metadata.resourceVersion },
      spec: { handoff: { pins: edit(pinsOf(ring)) } },
    };
    try {
      return await context.kube.mergePatch<ChannelRing>(refTo('ChannelRing', namespace, name), patch, {
        fieldManager: FIELD_MANAGER,
      });
    } catch (e: unknown) {
      if (refusedStatus(e) !== 409 || tries === MAX_TRIES) throw e;
      ring = await ringNamed(context.kube, namespace, name);
    }
  }
}

async function watch(
  context: Context,
  ring: ChannelRing,
  slot: number,
  pod: string,
  timeoutMs: number,
): Promise<ExitCode> {
  const { environment, terminal } = context;
  const deadline = environment.nowMs() + timeoutMs;
  for (;;) {
    // A replica that ends does not end the watching.
    const at = await whereIs(context, ring, slot).catch(() => undefined);
    const owner = at?.owner?.pod ?? 'nobody';
    const state =
      at === undefined ? 'the control plane does not answer' : at.target ? `moving to ${at.target.pod}` : 'waiting';
    terminal.live(`Slot ${slot}  owner ${owner}  ${owner === pod ? 'there' : state}`);
    if (owner === pod) return report(context, ring, slot, at);
    if (environment.interrupted()) {
      terminal.note('Stopped watching; the move goes on.');
      context.next(`chatctl where ${slot}`);
      return EXIT.timedOut;
    }
    if (environment.nowMs() > deadline) throw new ChatError('timed_out', { seconds: Math.round(timeoutMs / 1000) });
    await environment.pause(POLL_MS);
  }
}

function report(context: Context, ring: ChannelRing, slot: number, at: WhereFigures | undefined): ExitCode {
  const pin = pinsOf(ring).find((p) => p.slot === slot);
  const { name } = ring.metadata;
  context.print({ ring: name, slot, owner: at?.owner ?? null, target: at?.target ?? null, pin: pin ?? null }, () => {
    const pinned = pin === undefined ? 'not pinned' : `pinned to ${pin.pod}`;
    return `slot ${slot}  owner ${at?.owner?.pod ?? '?'}  ${pinned}\n`;
  });
  context.next(pin === undefined ? `chatctl ring status ${name}` : `chatctl ring move ${slot} ${name} --unpin`);
  return EXIT.done;
}
