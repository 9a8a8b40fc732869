/** What is done to a cluster while its operator is being broken: the user's part and the Pods' and control plane's. */
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import type { Deployment } from '../../cells/contract/kube/objects.ts';
import type { Cell, ChannelRing, PracticeDrain, Workspace } from '../../crds/index.ts';
import { cellPods } from '../cluster.test-support.ts';
import type { Arena } from './arena.test-support.ts';

export interface Scenario {
  name: string;
  /** Brings the arena to where the scenario begins, while an operator runs that nothing happens to. */
  prepare?(arena: Arena): Promise<void>;
  /** Resolves when the end was seen. */
  play(arena: Arena): Promise<void>;
}

type Conditions = NonNullable<NonNullable<Cell['status']>['conditions']>;
const holds = (conditions: Conditions | undefined, type: string, reason?: string): boolean =>
  (conditions ?? []).some(
    (c) => c.type === type && c.status === 'True' && (reason === undefined || c.reason === reason),
  );

const zoneOf = (cell: string): string => `zone-${cell.at(-1)}`;
const cellSpec = (cell: string): object => ({
  region: 'local',
  zone: zoneOf(cell),
  edge: { hostNetwork: true },
  capacity: { connections: 5000 },
});

function tableOf(arena: Arena, epoch: number, slots: Record<string, number>, movesInFlight = 0): void {
  const members = Object.entries(slots).map(([cell, n]) => ({
    pod: `${cell}-channel-0`,
    cell,
    zone: zoneOf(cell),
    slots: n,
    standbySlots: 0,
  }));
  arena.controlplane.rings.set(`${arena.api.namespace}/main`, { epoch, members, movesInFlight, maxOverAverage: 1 });
  for (const [cell, n] of Object.entries(slots)) arena.controlplane.set(cell, { sockets: n > 0 ? 100 : 0, slots: n });
}

const ringAt = (arena: Arena, epoch: number): Promise<void> =>
  arena.status<ChannelRing>('ChannelRing', 'main', (s) => s.epoch === epoch);
const serves = (arena: Arena, cell: string): Promise<void> =>
  arena.status<Cell>(
    'Cell',
    cell,
    (s) => holds(s.conditions, 'Ready') && s.weight === 100 && s.drain?.phase === 'None',
  );

async function install(arena: Arena): Promise<void> {
  for (const cell of ['cell-a', 'cell-b']) await arena.apply('Cell', cell, cellSpec(cell));
  await arena.apply('ChannelRing', 'main', { cells: ['cell-a', 'cell-b'] });
  for (const cell of ['cell-a', 'cell-b']) await podsOf(arena, cell);
  tableOf(arena, 7, { 'cell-a': 8192, 'cell-b': 8192 });
  for (const cell of ['cell-a', 'cell-b']) await serves(arena, cell);
  await ringAt(arena, 7);
}

/** Pods come after the last of the Deployments, as they would. */
async function podsOf(arena: Arena, cell: string): Promise<void> {
  await eventually(
    async () => (await arena.api.client.get(arena.ref('Deployment', `${cell}-edge`, 'apps/v1'))) !== undefined,
    60_000,
  );
  await cellPods(arena.api, cell, zoneOf(cell));
}

const creation: Scenario = { name: 'creation', play: install };

const drain: Scenario = {
  name: 'drain',
  prepare: install,
  async play(arena) {
    const pace = { stepPercent: 25, stepInterval: '100ms' };
    await arena.patch('Cell', 'cell-b', { drain: { targetWeight: 0, reason: 'test', ...pace } });
    await arena.status<Cell>('Cell', 'cell-b', (s) => s.weight === 0);
    tableOf(arena, 8, { 'cell-a': 16_384, 'cell-b': 0 });
    await arena.status<Cell>('Cell', 'cell-b', (s) => holds(s.conditions, 'Drained') && s.slots === 0);
    await arena.patch('Cell', 'cell-b', { drain: { targetWeight: null } });
    await serves(arena, 'cell-b');
  },
};

const practice: Scenario = {
  name: 'practice',
  prepare: install,
  async play(arena) {
    await arena.apply('PracticeDrain', 'weekly', {
      cells: ['cell-b'],
      hypothesis: 'no request fails',
      suspend: true,
      runAt: new Date().toISOString(),
      drain: { stepPercent: 25, stepInterval: '100ms', hold: '1s' },
    });
    await arena.status<Cell>('Cell', 'cell-b', (s) => s.weight === 0);
    tableOf(arena, 8, { 'cell-a': 16_384, 'cell-b': 0 });
    await arena.status<PracticeDrain>(
      'PracticeDrain',
      'weekly',
      (s) => s.lastRun?.outcome === 'Succeeded' && s.run === undefined,
    );
    await serves(arena, 'cell-b');
    const { initiator, stepPercent } = (await arena.get<Cell>('Cell', 'cell-b'))?.spec.drain ?? {};
    if (initiator !== undefined || stepPercent !== 1) throw new Error('the Cell has not got its own drain back');
  },
};

const rebalance: Scenario = {
  name: 'rebalance',
  prepare: install,
  async play(arena) {
    await arena.apply('Cell', 'cell-c', cellSpec('cell-c'));
    await arena.apply('ChannelRing', 'main', { cells: ['cell-a', 'cell-b', 'cell-c'] });
    await podsOf(arena, 'cell-c');
    await serves(arena, 'cell-c');
    for (const [epoch, moved, left] of [
      [8, 0, 5462],
      [9, 2730, 2732],
      [10, 5462, 0],
    ] as const) {
      tableOf(arena, epoch, { 'cell-a': 8192 - moved / 2, 'cell-b': 8192 - moved / 2, 'cell-c': moved }, left);
      await ringAt(arena, epoch);
      await arena.status<Cell>('Cell', 'cell-c', (s) => s.slots === moved);
    }
  },
};

const deletion: Scenario = {
  name: 'deletion',
  prepare: install,
  async play(arena) {
    await arena.patch('Cell', 'cell-b', { drain: { stepPercent: 50, stepInterval: '100ms' } });
    await arena.delete('Cell', 'cell-b');
    await arena.status<Cell>(
      'Cell',
      'cell-b',
      (s) => holds(s.conditions, 'Progressing', 'DeletionWaits') && s.weight === 0,
    );
    const inUse = await arena.api.client.get(arena.ref('Deployment', 'cell-b-channel', 'apps/v1'));
    if (!inUse) throw new Error('a Cell in use lost its channel servers');
    await arena.apply('ChannelRing', 'main', { cells: ['cell-a'] });
    tableOf(arena, 8, { 'cell-a': 16_384, 'cell-b': 0 });
    await arena.gone('Cell', 'cell-b');
    await ringAt(arena, 8);
  },
};

const placement: Scenario = {
  name: 'placement',
  prepare: install,
  async play(arena) {
    await arena.apply('Workspace', 'acme', { displayName: 'Acme', ring: 'main', placement: { shard: '80-' } });
    await arena.apply('Workspace', 'lost', { displayName: 'Lost', ring: 'nowhere', placement: { shard: '-80' } });
    const ready = (name: string): Promise<void> =>
      arena.status<Workspace>('Workspace', name, (s) => holds(s.conditions, 'Ready') && s.workspaceId !== undefined);
    await ready('acme');
    await arena.status<Workspace>('Workspace', 'lost', (s) => s.workspaceId !== undefined);
    // The key is lost: a new one is made for the same workspace, and the old one stays good.
    await arena.delete('Secret', 'acme-token-key', 'v1');
    await arena.status<Workspace>('Workspace', 'acme', (s) => s.tokenKeys?.length === 2);
    await arena.patch('Workspace', 'lost', { ring: 'main' });
    await ready('lost');
  },
};

/** Whether the channel servers' Deployment has the new heartbeat and may replace its Pods. */
async function replaces(arena: Arena, cell: string): Promise<boolean> {
  const live = await arena.api.client.get<Deployment>(arena.ref('Deployment', `${cell}-channel`, 'apps/v1'));
  const isNew = JSON.stringify(live?.spec.template).includes('{"name":"HEARTBEAT_MS","value":"700"}');
  return isNew && live?.spec.paused !== true;
}

const rollout: Scenario = {
  name: 'rollout',
  async prepare(arena) {
    await install(arena);
    for (const cell of ['cell-a', 'cell-b']) await arena.deployments.complete(cell);
  },
  async play(arena) {
    await arena.patch('ChannelRing', 'main', { failure: { heartbeat: '700ms' } });
    await arena.status<Cell>('Cell', 'cell-b', (s) => holds(s.conditions, 'Progressing', 'RolloutWaits'));
    await eventually(() => replaces(arena, 'cell-a'), 60_000);
    if (await replaces(arena, 'cell-b')) throw new Error('two Cells replace their Pods at the same time');
    arena.deployments.follow('cell-a');
    await eventually(() => replaces(arena, 'cell-b'), 60_000);
    arena.deployments.follow('cell-b');
    await arena.status<Cell>('Cell', 'cell-b', (s) => !holds(s.conditions, 'Progressing'));
  },
};

export const SCENARIOS: readonly Scenario[] = [creation, drain, practice, rebalance, rollout, deletion, placement];
