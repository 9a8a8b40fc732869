/** What a ChannelRing's status says. Pure. */

import { SLOTS } from '../../../cells/contract/slot.ts';
import { ANNOTATIONS, type ChannelRing, type ChannelRingStatus, FINALIZER } from '../../../crds/index.ts';
import type { RingFigures, RingReport } from '../../live-figures.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';

export interface ObservedRing {
  ring: ChannelRing;
  /** Of the cells that the ring lists: those that exist, and whether they are being deleted. */
  cells: ReadonlyMap<string, { deleting: boolean }>;
  /** Names of the Workspaces that name the ring. */
  usedBy: string[];
  /** Undefined when no control plane answered, or it has no table of the ring yet. */
  figures: RingReport | undefined;
  /** Whether the control plane has ended the ring's table after the deletion; undefined when none answered. */
  ended: boolean | undefined;
}

/** The part that the controller owns: all of the status. */
export type RingPart = {
  [K in 'epoch' | 'memberCount' | 'movesInFlight' | 'maxOverAverage' | 'members']: ChannelRingStatus[K] | undefined;
} & {
  conditions: NewCondition[];
};

export type RingDecision =
  | { kind: 'paused' }
  | { kind: 'addFinalizer' }
  | { kind: 'run'; status: RingPart }
  | { kind: 'release' };

export function decideRing(observed: ObservedRing): RingDecision {
  const { ring, usedBy, ended } = observed;
  if (ring.metadata.annotations?.[ANNOTATIONS.reconcile] === 'disabled') return { kind: 'paused' };
  const deleting = ring.metadata.deletionTimestamp !== undefined;
  const finalized = ring.metadata.finalizers?.includes(FINALIZER) ?? false;
  if (!deleting && !finalized) return { kind: 'addFinalizer' };
  // With the object gone nobody would take the members out of the table, and the next ring of the name would have them.
  if (deleting && usedBy.length === 0 && (ended || !finalized)) return { kind: 'release' };
  return { kind: 'run', status: { ...mirrored(observed), conditions: conditionsOf(observed) } };
}

/**
 * What was mirrored last stays while no control plane answers, and while one that knows its table may only be silent.
 * When all answer and none knows it, the store was restored or exchanged: what is in it now holds, whatever its epoch.
 */
function mirrored({ ring, figures }: ObservedRing): Omit<RingPart, 'conditions'> {
  const before = ring.status ?? {};
  if (!figures || (figures.epoch < (before.epoch ?? 0) && figures.missingReplicas > 0)) {
    const { epoch, memberCount, movesInFlight, maxOverAverage, members } = before;
    return { epoch, memberCount, movesInFlight, maxOverAverage, members };
  }
  const members = byPod(figures);
  return {
    epoch: figures.epoch,
    memberCount: members.length,
    movesInFlight: figures.movesInFlight ?? 0,
    maxOverAverage: figures.maxOverAverage === undefined ? undefined : Number(figures.maxOverAverage).toFixed(3),
    members,
  };
}

/** One entry a Pod, as the list's key demands: a restarted channel server is two members for a while. */
function byPod({ members }: RingFigures): NonNullable<ChannelRingStatus['members']> {
  const pods = new Map<string, NonNullable<ChannelRingStatus['members']>[number]>();
  for (const { pod, cell, zone, slots = 0, standbySlots = 0 } of members) {
    const before = pods.get(pod);
    pods.set(pod, {
      pod,
      ...(cell === undefined ? {} : { cell }),
      ...(zone === undefined ? {} : { zone }),
      slots: slots + (before?.slots ?? 0),
      standbySlots: standbySlots + (before?.standbySlots ?? 0),
    });
  }
  return [...pods.values()].sort((a, b) => a.pod.localeCompare(b.pod));
}

function conditionsOf(observed: ObservedRing): NewCondition[] {
  const { ring, cells, figures } = observed;
  const deleting = ring.metadata.deletionTimestamp !== undefined;
  const missing = ring.spec.cells.filter((name) => !cells.has(name));
  const going = ring.spec.cells.filter((name) => cells.get(name)?.deleting);
  const degraded = deleting
    ? deletionWaits(observed)
    : missing.length > 0
      ? condition(
          'Degraded',
          true,
          'CellNotFound',
          `There is no Cell ${missing.join(', ')}: create it, or remove it from spec.cells.`,
        )
      : going.length > 0
        ? condition(
            'Degraded',
            true,
            'CellDeleting',
            `Cell ${going.join(', ')} is being deleted: remove it from spec.cells.`,
          )
        : orphans(figures) > 0
          ? condition(
              'Degraded',
              true,
              'SlotsWithoutOwner',
              'Some slots have no owner yet: channel servers are being waited for.',
            )
          : condition(
              'Degraded',
              false,
              'AsExpected',
              'Every Cell that the ring lists exists, and no slot is known to be without an owner.',
            );
  return [degraded, ...progress(observed)];
}

function deletionWaits({ usedBy, ended }: ObservedRing): NewCondition {
  const waits = (reason: string, message: string): NewCondition => condition('Degraded', true, reason, message);
  const list = usedBy.slice(0, 5).join(', ') + (usedBy.length > 5 ? ` and ${usedBy.length - 5} more` : '');
  const last = `If there is to be none any more, remove the finalizer ${FINALIZER}.`;
  if (usedBy.length > 0) return waits('DeletionWaits', `Deletion waits for Workspaces that name the ring: ${list}.`);
  if (ended !== undefined)
    return waits(
      'DeletionWaits',
      `Deletion waits until the control plane has taken the channel servers out of the ring's table, which takes the store: see its log. ${last}`,
    );
  return waits(
    'WaitingForControlPlane',
    `Deletion waits for the control plane, which ends the ring's table, and none answers: see its Pods. ${last}`,
  );
}

const orphans = (figures: RingFigures | undefined): number =>
  figures ? SLOTS - figures.members.reduce((sum, m) => sum + (m.slots ?? 0), 0) : 0;

function progress({ ring, figures }: ObservedRing): NewCondition[] {
  if (!figures) {
    const message =
      'The control plane has no table of the ring yet, or does not answer: see its log and the channel servers.';
    // Known before and silent now: what was said last still holds for the dataplane.
    const known = (ring.status?.epoch ?? 0) > 0;
    return [
      {
        type: 'Converged',
        status: known ? 'Unknown' : 'False',
        reason: known ? 'FiguresUnknown' : 'WaitingForMembers',
        message,
      },
      {
        type: 'Rebalancing',
        status: known ? 'Unknown' : 'False',
        reason: known ? 'FiguresUnknown' : 'WaitingForMembers',
        message,
      },
    ];
  }
  const moving = figures.movesInFlight ?? 0;
  if (moving > 0 || orphans(figures) > 0) {
    const message = moving > 0 ? 'Slots are being handed over.' : 'Slots are waiting for an owner.';
    return [condition('Converged', false, 'Moving', message), condition('Rebalancing', moving > 0, 'Moving', message)];
  }
  if (ring.spec.handoff?.paused) {
    const message = 'Planned moves are paused by spec.handoff.paused; failover goes on.';
    return [condition('Converged', true, 'Paused', message), condition('Rebalancing', false, 'Paused', message)];
  }
  const message = 'Every slot has its owner, and nothing is to be moved.';
  return [condition('Converged', true, 'Settled', message), condition('Rebalancing', false, 'Settled', message)];
}
