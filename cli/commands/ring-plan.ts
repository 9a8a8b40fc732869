/** `chatctl ring plan`: what the ring manager would do from here on, or if other servers were there. Changes nothing. */
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { formatCount, formatDuration } from '../durations.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { ringNamed } from '../resources.ts';
import { heldText, type RingPlan, type TransferReason } from '../ring-figures.ts';
import { formatTable } from '../table.ts';

interface Options {
  without: string[];
  add: string[];
}

export function addRingPlanCommand({ command, context, done }: Registrar, parent: Command): void {
  const collect = (value: string, all: string[]): string[] => [...all, value];
  command(
    'plan [ring]',
    'What the ring manager will do next, or would do with other servers. Changes nothing.',
    [
      'chatctl ring plan',
      'chatctl ring plan --without cell-b              as if cell-b were drained',
      'chatctl ring plan --without cell-a-channel-0    as if that server were shut down by plan',
      'chatctl ring plan --add cell-c=2                as if cell-c had two channel servers more',
    ],
    parent,
  )
    .option('--without <pod or cell>', 'as if it left; may be repeated', collect, [])
    .option('--add <cell[=n]>', 'as if n more channel servers joined there; may be repeated', collect, [])
    .action(async (name: string | undefined, options: Options, self: Command) => {
      await ringPlan(context(self), name, options);
      done(EXIT.done);
    });
}

async function ringPlan(context: Context, given: string | undefined, { without, add }: Options): Promise<void> {
  const { name } = (await ringNamed(context.kube, context.namespace, given)).metadata;
  const plan = await context.live().ringPlan(`${context.namespace}/${name}`, { without, add });
  const etaMs = rebalanceMs(plan);
  context.print({ name, ...plan, ...(etaMs === undefined ? {} : { etaMs }) }, () => planText(name, plan));
  context.next(nextOf(name, plan, without));
}

function nextOf(name: string, plan: RingPlan, without: readonly string[]): string {
  const cell = without.find((w) => plan.members.some((m) => m.cell === w));
  if (cell !== undefined) return `chatctl drain ${cell} --dry-run`;
  return plan.paused ? `chatctl ring resume ${name}` : `chatctl ring status ${name}`;
}

const slotsBy = ({ transfers }: RingPlan, reasons: readonly TransferReason[]): number =>
  transfers.filter((t) => reasons.includes(t.reason)).reduce((sum, t) => sum + t.slots, 0);

/** Time that the budget of rebalancing alone asks for; undefined when nothing is rebalanced. */
export function rebalanceMs(plan: RingPlan): number | undefined {
  const rebalance = slotsBy(plan, ['rebalance']);
  const hot = slotsBy(plan, ['hot']);
  if (rebalance + hot === 0) return undefined;
  return (60_000 * rebalance) / plan.maxMovesPerMinute + (60_000 * hot) / plan.hotSlots.maxMovesPerMinute;
}

/** What each reason stands for. */
const REASONS: Record<TransferReason, string> = {
  evacuate: 'the owner leaves: as many at once as handoffs can carry',
  pin: 'somebody asked for it: ring move',
  rebalance: 'evens out the numbers of slots',
  hot: 'evens out the load',
  takeover: 'the owner is dead: its standby takes over by itself',
  orphan: 'nobody owns it',
  'under way': 'has begun',
};

function planText(name: string, plan: RingPlan): string {
  const { transfers } = plan;
  const slots = transfers.reduce((sum, t) => sum + t.slots, 0);
  const asked = plan.whatIf && [...plan.whatIf.without.map((w) => `without ${w}`), ...plan.whatIf.add.map(addedText)];
  const given = asked ? ` ${asked.join(', ')}` : '';
  const hold = plan.paused ? `paused (${plan.pauseReason ?? 'no reason given'})` : heldText(plan);
  const waits = hold === undefined ? '' : `Nothing is started now: ${hold}.\n`;
  if (slots === 0 && plan.standbys === 0) return `${name}${given} at epoch ${plan.epoch}: nothing to do.\n${waits}`;
  const head = `${name}${given} at epoch ${plan.epoch}: ${formatCount(slots)} slots change hands, ${formatCount(plan.standbys)} get another standby.\n`;
  const table = formatTable(
    [
      { title: 'FROM', value: (t) => t.from ?? undefined },
      { title: 'TO', value: (t) => t.to },
      { title: 'SLOTS', value: (t) => t.slots },
      { title: 'REASON', value: (t) => t.reason },
    ],
    transfers,
    false,
  );
  const reasons = [...new Set(transfers.map((t) => t.reason))];
  const legend = reasons.map((r) => `${r}: ${formatCount(slotsBy(plan, [r]))} slots; ${REASONS[r]}\n`).join('');
  return [head + waits, ...(slots === 0 ? [] : [table, legend + budgetText(plan)]), memberTable(plan)].join('\n');
}

/** Of `cell-c` or `cell-c=2`. */
function addedText(asked: string): string {
  const [cell, count = '1'] = asked.split('=');
  return `with ${count} more in ${cell}`;
}

function budgetText(plan: RingPlan): string {
  const ms = rebalanceMs(plan);
  if (ms === undefined) return '';
  const hot = slotsBy(plan, ['hot']) === 0 ? '' : ` (${formatCount(plan.hotSlots.maxMovesPerMinute)} for load)`;
  return `Budget of rebalancing: ${formatCount(plan.maxMovesPerMinute)} moves a minute${hot}; about ${formatDuration(ms)}.\n`;
}

const memberTable = (plan: RingPlan): string =>
  formatTable(
    [
      { title: 'POD', value: (m) => m.pod },
      { title: 'CELL', value: (m) => m.cell },
      { title: 'STATE', value: (m) => m.state },
      { title: 'SLOTS', value: (m) => m.slots },
      { title: 'AFTER', value: (m) => m.slotsAfter },
      { title: 'STANDBY', value: (m) => m.standbySlots },
      { title: 'AFTER', value: (m) => m.standbySlotsAfter },
    ],
    plan.members,
    false,
  );
