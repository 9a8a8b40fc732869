/** `chatctl ring`: the state of a ring, what it will do next, and the hand on it. */
import type { Command } from 'commander';
import { hasCode } from '../../cells/contract/errors.ts';
import type { ChannelRing } from '../../crds/index.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../durations.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { conditionOf, ringNamed } from '../resources.ts';
import { heldText, type RingFigures } from '../ring-figures.ts';
import { formatFields, formatTable } from '../table.ts';
import { addRingMoveCommand } from './ring-move.ts';
import { addRingPauseCommands } from './ring-pause.ts';
import { addRingPlanCommand } from './ring-plan.ts';

export function addRingCommands(registrar: Registrar): void {
  const { command, context, done } = registrar;
  const ring = command('ring', 'The ring of slots: its state and plan, and moving slots by hand.', [
    'chatctl ring status',
    'chatctl ring plan --without cell-b',
    'chatctl ring move C0M3KQ9XYZ12 --to cell-a-channel-7d4f-x2x7l --reason "INC-42: hot channel" --wait',
    'chatctl ring pause --reason "INC-42: no moves during the store\'s upgrade"',
  ]);
  command(
    'status [ring]',
    'Members, slots, load and moves; what holds planning back; pins.',
    [
      'chatctl ring status                 the ring is the only one; exit code 1 when it is Degraded or slots have no owner',
      'chatctl ring status main -o wide    addresses, incarnations, the hottest slots',
      'chatctl ring status -o json',
    ],
    ring,
  ).action(async (name: string | undefined, _: object, self: Command) => done(await ringStatus(context(self), name)));
  addRingPlanCommand(registrar, ring);
  addRingMoveCommand(registrar, ring);
  addRingPauseCommands(registrar, ring);
}

async function ringStatus(context: Context, name: string | undefined): Promise<ExitCode> {
  const ring = await ringNamed(context.kube, context.namespace, name);
  const degraded = conditionOf(ring, 'Degraded');
  const figures = await context
    .live()
    .ring(`${context.namespace}/${ring.metadata.name}`)
    .catch((e: unknown) => {
      if (!hasCode(e, 'service_unavailable')) throw e;
      return undefined;
    });
  if (figures === undefined) return lastKnown(context, ring);
  const bad = degraded?.status === 'True' || figures.orphans > 0;
  context.print(
    { name: ring.metadata.name, healthy: !bad, conditions: ring.status?.conditions ?? [], ...figures },
    () => statusText(ring, figures, context.wide),
  );
  if (bad) context.next(`chatctl describe rings ${ring.metadata.name}`);
  else
    context.next(
      figures.paused ? `chatctl ring resume ${ring.metadata.name}` : `chatctl ring plan ${ring.metadata.name}`,
    );
  return bad ? EXIT.failed : EXIT.done;
}

/** No control plane answers: what the operator last saw of it, which the servers go on by. */
function lastKnown(context: Context, ring: ChannelRing): ExitCode {
  const { name } = ring.metadata;
  context.terminal.note('No replica of the control plane answers: this is what the operator last wrote down.');
  context.print({ name, healthy: false, stale: true, ...ring.status }, () =>
    formatTable(
      [
        { title: 'POD', value: (m) => m.pod },
        { title: 'CELL', value: (m) => m.cell },
        { title: 'ZONE', value: (m) => m.zone },
        { title: 'SLOTS', value: (m) => m.slots },
        { title: 'STANDBY', value: (m) => m.standbySlots },
      ],
      ring.status?.members ?? [],
      false,
    ),
  );
  context.next(`kubectl get pods -n ${context.namespace} -l app.kubernetes.io/component=controlplane`);
  return EXIT.failed;
}

function statusText(ring: ChannelRing, f: RingFigures, wide: boolean): string {
  const sections = [formatFields(summary(ring, f)), memberTable(f, wide)];
  if (f.pins.length > 0) sections.push(pinTable(f));
  if (wide && f.hotSlots.hottest?.length) sections.push(hottestTable(f));
  return sections.join('\n');
}

function summary(ring: ChannelRing, f: RingFigures): Record<string, string> {
  const { hotSlots: hot } = f;
  const degraded = conditionOf(ring, 'Degraded');
  const look =
    hot.lookedSecondsAgo === undefined
      ? 'not looked at yet'
      : `max/avg ${ratio(hot.maxOverAverage)} and ${hot.moves} moves ${hot.lookedSecondsAgo} s ago`;
  return {
    Ring: `${ring.metadata.name}, epoch ${f.epoch}`,
    Slots: `max/avg ${f.maxOverAverage.toFixed(3)}, ${f.orphans === 0 ? 'none' : formatCount(f.orphans)} without owner`,
    Load: `max/avg ${ratio(f.loadMaxOverAverage)}, ${formatCount(Math.round(f.members.reduce((n, m) => n + m.perSecond, 0)))} a second`,
    Moves: `${formatCount(f.movesInFlight)} in flight, ${formatCount(f.left)} to come, ${formatCount(f.movesPerMinute)} in the last minute (budget ${formatCount(f.maxMovesPerMinute)})`,
    Paused: f.paused ? `yes: ${f.pauseReason ?? 'no reason given'}; failover goes on` : 'no',
    Planning: heldText(f) ? `held: ${heldText(f)}` : 'goes on',
    'Hot slots': hot.enabled
      ? `moved above ${ratio(hot.above)}, once the ring has ${formatCount(hot.fromPerSecond)} a second; ${look}`
      : 'left alone: spec.hotSlots.enabled is false',
    Degraded: degraded?.status === 'True' ? `${degraded.reason}: ${degraded.message}` : 'no',
  };
}

const ratio = (n: number | undefined): string => (n ? n.toFixed(2) : '-');

const memberTable = (f: RingFigures, wide: boolean): string =>
  formatTable(
    [
      { title: 'POD', value: (m) => m.pod },
      { title: 'CELL', value: (m) => m.cell },
      { title: 'ZONE', value: (m) => m.zone },
      { title: 'STATE', value: (m) => m.state },
      { title: 'SLOTS', value: (m) => m.slots },
      { title: 'STANDBY', value: (m) => m.standbySlots },
      { title: 'TOPICS', value: (m) => m.topics },
      { title: 'LOAD/S', value: (m) => Math.round(m.perSecond * 10) / 10 },
      { title: 'CLAIMED', value: (m) => m.claimed, wide: true },
      { title: 'ADDRESS', value: (m) => m.address, wide: true },
      { title: 'INCARNATION', value: (m) => m.incarnation, wide: true },
    ],
    [...f.members].sort((a, b) => (`${a.cell}/${a.pod}` < `${b.cell}/${b.pod}` ? -1 : 1)),
    wide,
  );

const pinTable = (f: RingFigures): string =>
  formatTable(
    [
      { title: 'PINNED SLOT', value: (p) => p.slot },
      { title: 'TO', value: (p) => p.pod },
      { title: 'OWNER', value: (p) => p.owner ?? undefined },
      { title: 'STATE', value: (p) => (p.owner === p.pod ? 'there' : p.target === p.pod ? 'moving' : 'waiting') },
      { title: 'REASON', value: (p) => p.reason ?? '-' },
    ],
    f.pins,
    false,
  );

const hottestTable = (f: RingFigures): string =>
  formatTable(
    [
      { title: 'HOT SLOT', value: (h) => h.slot },
      { title: 'OWNER', value: (h) => h.pod },
      { title: 'LOAD/S', value: (h) => Math.round(h.perSecond * 10) / 10 },
    ],
    f.hotSlots.hottest ?? [],
    false,
  );
