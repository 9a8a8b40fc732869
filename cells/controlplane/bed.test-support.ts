/** For tests of whole replicas: API server with two Cells, a ring and a workspace, the store, and who beats in it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type ConnectControlOptions, connectControl } from '../contract/ads/index.ts';
import type { ControlSource } from '../contract/control.ts';
import { workspaceId } from '../contract/ids.ts';
import type { Heartbeat } from '../contract/ring-store.ts';
import { ringTables, SqlRingStore, slotLoadTable } from '../contract/ring-store-sql.ts';
import { openDatabase } from '../contract/sql/open-database.ts';
import { systemClock, systemRandom } from '../contract/system-clock.ts';
import { type Child, Objects, startApiServer } from './controlplane.test-support.ts';

export const NAMESPACE = 'demo';
export const RING = `${NAMESPACE}/main`;
export const OURS = 'chatcells.dev/v1alpha1';
export const CELLS = ['cell-a', 'cell-b'];
export const WORKSPACE = workspaceId(77n);

const BEAT_MS = 400;

/** What a process of a Cell says of itself; everything else in the row is the same for all. */
export type Beat = Pick<Heartbeat, 'role' | 'pod' | 'cell'> & Partial<Heartbeat>;

export interface BedOptions {
  /** The Cells' spec, but for region and zone: the zone of cell-a is zone-a. */
  spec: Record<string, unknown>;
  /** Where the Pods of the gateway and the api of a Cell are. */
  podIp: (cell: string) => string;
  beats: readonly Beat[];
  /** Leave the directory for somebody to look into. */
  keep: boolean;
}

export interface Bed {
  /** Of this test alone; the store is `store.db` in it. */
  readonly dir: string;
  readonly api: Child & { kubeconfig: string };
  readonly objects: Objects;
  readonly store: SqlRingStore;
  /** A node of cell-a, as its client sees it; `close` of the bed ends it. */
  connect(change: Pick<ConnectControlOptions, 'addresses'> & Partial<ConnectControlOptions>): ControlSource;
  close(): Promise<void>;
}

export async function startBed(options: BedOptions): Promise<Bed> {
  const dir = await mkdtemp(join(tmpdir(), 'controlplane-'));
  const db = await openDatabase(`sqlite:${dir}/store.db`);
  await db.exclusive(async (run) => {
    for (const sql of [...ringTables(db.dialect), slotLoadTable(db.dialect)]) await run({ sql, params: [] });
  });
  const store = new SqlRingStore(db);
  const api = await startApiServer(join(dir, 'api'));
  const objects = new Objects(api.kubeconfig, NAMESPACE);
  await populate(objects, options);
  let counter = 0;
  const beating = setInterval(() => {
    for (const beat of options.beats) store.beat(row(beat, counter++)).catch(() => {});
  }, BEAT_MS);
  const controls: ControlSource[] = [];
  return {
    ...{ dir, api, objects, store },
    connect(change) {
      const control = connectControl({
        node: { id: `gateway-${controls.length}`, role: 'gateway', cell: 'cell-a', zone: 'zone-a' },
        ...{ clock: systemClock, random: systemRandom, log: pino({ level: 'silent' }) },
        backoff: { baseMs: 50, maxMs: 200 },
        ...change,
      });
      controls.push(control);
      return control;
    },
    async close() {
      clearInterval(beating);
      await Promise.all(controls.map((c) => c.close()));
      await api.kill();
      await db.close();
      if (options.keep) process.stderr.write(`kept ${dir}\n`);
      else await rm(dir, { recursive: true, force: true });
    },
  };
}

async function populate(objects: Objects, { spec, podIp }: BedOptions): Promise<void> {
  await objects.prepare();
  for (const cell of CELLS) {
    await objects.apply(OURS, 'Cell', cell, { spec: { region: 'local', zone: zoneOf(cell), ...spec } });
    for (const role of ['gateway', 'api']) await objects.pod(cell, role, podIp(cell));
  }
  await objects.apply(OURS, 'ChannelRing', 'main', { spec: { cells: CELLS } });
  await objects.apply(OURS, 'Workspace', 'acme', { spec: { displayName: 'Acme', ring: 'main' } });
  await objects.status(OURS, 'Workspace', 'acme', {
    workspaceId: WORKSPACE,
    tokenKeys: [{ kid: 'k1', x: 'a'.repeat(43) }],
  });
}

const zoneOf = (cell: string): string => cell.replace('cell', 'zone');

function row(beat: Beat, counter: number): Heartbeat {
  return {
    ...{ incarnation: `${beat.pod}/1`, zone: zoneOf(beat.cell), ring: '', address: '' },
    ...{ weight: 1, counter, state: 'serving', load: { sockets: 0, slots: 0, topics: 0, perSecond: 0 } },
    ...beat,
  };
}
