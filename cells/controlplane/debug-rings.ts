/** /debug/v1/rings: who owns what, what holds planning back, and what would be done next. */
import type { Cell, ChannelRing } from '../../crds/index.ts';
import { ChatError } from '../contract/errors.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import { emptyTable, type RingTable } from '../contract/ring-table.ts';
import { SLOTS } from '../contract/slot.ts';
import { type Forecast, forecast, type Transfer } from '../ring/forecast.ts';
import type { LiveMember } from '../ring/plan.ts';
import { type MemberShare, sharesOf } from '../ring/shares.ts';
import { hotSlotPolicy } from './hot-slots.ts';
import { pinsOf, type RingManager } from './ring-manager.ts';
import { type WhatIf, whatIf } from './what-if.ts';

export interface RingSources {
  cells: ReadonlyMap<string, Cell>;
  rings: ReadonlyMap<string, ChannelRing>;
  /** Rows of processes that are alive. */
  alive: () => readonly Heartbeat[];
  table: (ring: string) => RingTable | undefined;
  manager: Pick<RingManager, 'view' | 'previewHot'>;
}

/** The element of `/debug/v1/rings` of one ring, `<namespace>/<name>`. */
export function ringFigures(ring: string, from: RingSources): object {
  const table = from.table(ring);
  if (!from.rings.has(ring) && !table) throw notFound('ChannelRing', ring);
  if (!table) {
    const none = { ring, epoch: 0, members: [], movesInFlight: 0, orphans: SLOTS, maxOverAverage: 0 };
    return { ...none, loadMaxOverAverage: 0, ...planning(ring, from, emptyTable(ring)) };
  }
  const rows = new Map(from.alive().map((r) => [r.incarnation, r]));
  const leaving = leavingOf(ring, from);
  const { members, ...figures } = sharesOf(table);
  return {
    ring,
    epoch: table.epoch,
    ...figures,
    maxOverAverage: round(figures.maxOverAverage),
    members: members.map((m) => {
      const row = rows.get(m.incarnation);
      const state = leaving.has(m.incarnation) ? 'leaving' : (row?.state ?? 'silent');
      const { slots = 0, topics = 0, perSecond = 0 } = row?.load ?? {};
      return { ...m, state, claimed: slots, topics, perSecond };
    }),
    loadMaxOverAverage: round(loadMaxOverAverage(members, rows, leaving)),
    ...planning(ring, from, table),
  };
}

const round = (n: number): number => Math.round(n * 1000) / 1000;

const leavingOf = (ring: string, { manager }: RingSources): Set<string> =>
  new Set(manager.view(ring)?.members.flatMap((m) => (m.leaving ? [m.incarnation] : [])));

/** Over the members that are alive and stay; 0 when there is no load. */
function loadMaxOverAverage(
  members: readonly MemberShare[],
  rows: ReadonlyMap<string, Heartbeat>,
  leaving: ReadonlySet<string>,
): number {
  const staying = members.flatMap(({ incarnation }) => rows.get(incarnation) ?? []);
  const loads = staying
    .filter((r) => !leaving.has(r.incarnation) && r.weight > 0)
    .map((r) => ({ load: r.load.perSecond, weight: r.weight }));
  const total = loads.reduce((sum, l) => sum + l.load, 0);
  const weight = loads.reduce((sum, l) => sum + l.weight, 0);
  return total === 0 ? 0 : Math.max(...loads.map((l) => l.load / l.weight)) / (total / weight);
}

/** What the ring manager of this replica is about, and what the ring's policy tells it. */
function planning(ring: string, { rings, manager }: RingSources, table: RingTable): object {
  const spec: ChannelRing['spec'] = rings.get(ring)?.spec ?? { cells: [] };
  const { handoff, maxMovesPerMinute = 4096 } = spec;
  const view = manager.view(ring);
  const podOf = (incarnation: string): string =>
    table.members.find((m) => m.incarnation === incarnation)?.pod ?? incarnation;
  return {
    left: view?.left ?? 0,
    movesPerMinute: view?.movesPerMinute ?? 0,
    maxMovesPerMinute,
    // Undefined while it plans; a ring that no round has seen yet is held as well.
    held: view === undefined ? 'incomplete' : view.held,
    paused: handoff?.paused ?? false,
    ...(handoff?.pauseReason === undefined ? {} : { pauseReason: handoff.pauseReason }),
    pins: (handoff?.pins ?? []).map((pin) => ({
      ...pin,
      owner: table.members[table.owner[pin.slot]!]?.pod ?? null,
      target: table.members[table.target[pin.slot]!]?.pod ?? null,
    })),
    hotSlots: {
      ...hotSlotPolicy(spec),
      ...(view?.look && {
        lookedSecondsAgo: view.look.secondsAgo,
        maxOverAverage: round(view.look.maxOverAverage),
        moves: view.look.moves,
        hottest: view.look.hottest.map(({ slot, incarnation, perSecond }) => ({
          slot,
          pod: podOf(incarnation),
          perSecond,
        })),
      }),
    },
  };
}

/** What the ring manager would do from here on, or if other servers were there. Nothing is committed. */
export async function ringPlan(ring: string, query: URLSearchParams, from: RingSources): Promise<object> {
  const object = from.rings.get(ring);
  const view = from.manager.view(ring);
  if (!object) throw notFound('ChannelRing', ring);
  const listed = (key: keyof WhatIf): string[] => (query.get(key) ?? '').split(',').filter(Boolean);
  const asked: WhatIf = { without: listed('without'), add: listed('add') };
  const isWhatIf = asked.without.length + asked.add.length > 0;
  const table = from.table(ring) ?? emptyTable(ring);
  const members = whatIf(view?.members ?? [], asked, zonesOf(ring, from));
  const ahead = forecast(table, members, { pins: pinsOf(object) });
  // Load is looked at only when there is nothing else to be done, and only as it is.
  const hot = isWhatIf || ahead.transfers.length > 0 ? [] : await hotTransfers(ring, table, from);
  const pods = new Map([...table.members, ...members].map((m) => [m.incarnation, m.pod]));
  const named = ({ from, to, ...rest }: Transfer) => ({
    from: from === undefined ? null : (pods.get(from) ?? from),
    to: pods.get(to) ?? to,
    ...rest,
  });
  return {
    ring,
    epoch: table.epoch,
    ...(isWhatIf ? { whatIf: asked } : {}),
    transfers: [...ahead.transfers, ...hot].map(named),
    standbys: ahead.standbys,
    members: membersOf(ahead, members),
    batch: object.spec.handoff?.batch ?? 256,
    ...planning(ring, from, table),
  };
}

function membersOf(ahead: Forecast, members: readonly LiveMember[]): object[] {
  const living = new Map(members.map((m) => [m.incarnation, m]));
  return ahead.members.map(({ address: _, ...m }) => {
    const live = living.get(m.incarnation);
    const state = live === undefined ? 'silent' : live.leaving ? 'leaving' : 'serving';
    return { ...m, state: m.incarnation.startsWith('new/') ? 'new' : state };
  });
}

async function hotTransfers(ring: string, table: RingTable, { manager }: RingSources): Promise<Transfer[]> {
  const { moves, members } = (await manager.previewHot(ring)) ?? { moves: [], members: [] };
  return moves.map(({ slot, to, reason }) => ({
    from: table.members[table.owner[slot]!]?.incarnation,
    to: members[to]!.incarnation,
    reason,
    slots: 1,
  }));
}

function zonesOf(ring: string, { cells }: RingSources): Map<string, string> {
  const [namespace] = ring.split('/');
  const mine = [...cells.values()].filter((c) => c.metadata.namespace === namespace);
  return new Map(mine.map((c) => [c.metadata.name, c.spec.zone]));
}

export function notFound(kind: string, key: string): ChatError {
  const [namespace, name] = key.split('/');
  return new ChatError('not_found', { kind, name, namespace });
}
