import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { Client, credentials } from '@grpc/grpc-js';
import { pino } from 'pino';
import { type ConnectControlOptions, connectControl } from '../contract/ads/index.ts';
import { ADS_SERVICE } from '../contract/ads/messages.ts';
import {
  cutTable,
  encodeDrainOrder,
  encodeSlotRange,
  encodeWorkspace,
  slotRangeName,
  TYPE_URLS,
} from '../contract/ads/resources.ts';
import type { ControlSource, DrainOrder, WorkspaceEntry } from '../contract/control.ts';
import { workspaceId } from '../contract/ids.ts';
import { emptyTable, NONE, nextTable, type RingTable } from '../contract/ring-table.ts';
import { systemClock, systemRandom } from '../contract/system-clock.ts';
import { AdsServer, type SnapshotSource } from './server.ts';
import { type Resource, resource, type Snapshot, snapshot } from './snapshot.ts';

const log = pino({ level: process.env.LOG ?? 'silent' });
const RING = 'demo/main';
const dir = await mkdtemp(join(tmpdir(), 'ads-'));
after(() => rm(dir, { recursive: true }));
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

class Source implements SnapshotSource {
  table = tableOf(1, 0);
  order: DrainOrder = {
    cell: 'cell-a',
    generation: 1,
    draining: false,
    keepPercent: 100,
    spreadMs: 0,
    reason: '',
    gateways: [],
  };
  workspaces: WorkspaceEntry[] = [entry(1n, 1)];
  extra: Resource[] = [];
  known = true;
  snapshotFor(): Snapshot | undefined {
    if (!this.known) return undefined;
    return snapshot({
      [TYPE_URLS.slotRange]: [
        ...cutTable(this.table).map((r) => resource(slotRangeName(RING, r.range), encodeSlotRange(r))),
        ...this.extra,
      ],
      [TYPE_URLS.drainOrder]: [resource('cell-a', encodeDrainOrder(this.order))],
      [TYPE_URLS.workspace]: this.workspaces.map((w) => resource(w.id, encodeWorkspace(w))),
    });
  }
}

function entry(n: bigint, generation: number): WorkspaceEntry {
  return {
    id: workspaceId(n),
    name: 'demo/acme',
    displayName: 'Acme',
    ring: RING,
    suspended: false,
    keys: [{ kid: 'k', x: 'x' }],
    limits: { connections: 10, postsPerSecond: 20 },
    generation,
  };
}
function tableOf(epoch: number, owner: number): RingTable {
  const table = nextTable({ ...emptyTable(RING), epoch: epoch - 1 });
  const member = (n: number) => ({
    incarnation: `uid-${n}/1`,
    pod: `pod-${n}`,
    cell: 'cell-a',
    zone: 'zone-a',
    address: `127.1.0.${n}:7000`,
    weight: 1,
  });
  const members = [member(1), member(2)];
  table.owner.fill(owner);
  table.standby.fill(1 - owner);
  table.slotEpoch.fill(epoch);
  return { ...table, members };
}

async function serve(source: Source, port = 0): Promise<AdsServer> {
  const server = new AdsServer({ host: '127.0.0.1', port, source, clock: systemClock, log });
  await server.start();
  closers.push(() => server.close());
  return server;
}
function connect(ports: number[], options: Partial<ConnectControlOptions> = {}): ControlSource {
  const control = connectControl({
    addresses: ports.map((p) => `127.0.0.1:${p}`),
    node: { id: 'gateway/cell-a/pod-1', role: 'gateway', cell: 'cell-a', zone: 'zone-a' },
    clock: systemClock,
    random: systemRandom,
    log,
    backoff: { baseMs: 20, maxMs: 100 },
    ...options,
  });
  closers.push(() => control.close());
  return control;
}
async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `timed out waiting until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test('routes, drain order and workspaces arrive, change and go', async () => {
  const source = new Source();
  const server = await serve(source);
  const control = connect([server.port]);
  await control.ready;
  assert.equal(control.route(RING, 16_383)?.owner?.address, '127.1.0.1:7000');
  assert.equal(control.route(RING, 0)?.standby?.incarnation, 'uid-2/1');
  assert.equal(control.route('demo/other', 0), undefined);
  assert.equal(control.members(RING).length, 2);
  assert.equal(control.drainOrder()?.keepPercent, 100);
  assert.deepEqual(await control.workspace(workspaceId(1n)), entry(1n, 1));
  assert.equal(await control.workspace(workspaceId(2n)), undefined);

  const changed: number[] = [];
  control.onRing((_, slots) => changed.push(...slots));
  source.table = {
    ...source.table,
    owner: source.table.owner.slice(),
    slotEpoch: source.table.slotEpoch.slice(),
    epoch: 2,
  };
  source.table.owner[300] = 1;
  source.table.slotEpoch[300] = 2;
  source.order = { ...source.order, generation: 2, draining: true, keepPercent: 40, gateways: ['gateway-1'] };
  source.workspaces.push(entry(2n, 1));
  server.publish();
  await until(() => control.drainOrder()?.keepPercent === 40 && changed.length > 0, 'the change arrives');
  assert.deepEqual(control.drainOrder()?.gateways, ['gateway-1']);
  assert.deepEqual(changed, [300]);
  assert.equal(control.route(RING, 300)?.owner?.incarnation, 'uid-2/1');
  const suspended: boolean[] = [];
  control.onWorkspace((w) => suspended.push(w?.suspended ?? false));
  source.workspaces = [{ ...entry(1n, 2), suspended: true }];
  server.publish();
  await until(() => suspended.includes(true), 'the suspension arrives');
});

test('an older epoch or generation is ignored', async () => {
  const source = new Source();
  source.table = tableOf(5, 0);
  source.order.generation = 7;
  const server = await serve(source);
  const control = connect([server.port]);
  await control.ready;
  source.table = tableOf(4, 1);
  source.order = { ...source.order, generation: 6, keepPercent: 0 };
  server.publish();
  await until(() => server.nodes().every((n) => n.converged), 'the replica is acknowledged');
  assert.equal(control.route(RING, 0)?.owner?.incarnation, 'uid-1/1');
  assert.equal(control.drainOrder()?.keepPercent, 100);
});

test('a resource that cannot be decoded is NACKed by name; the good ones of the same response count', async () => {
  const source = new Source();
  const server = await serve(source);
  const control = connect([server.port]);
  await control.ready;
  source.table = tableOf(2, 1);
  source.extra = [resource(`${RING}/99`, Buffer.from('rubbish'))];
  server.publish();
  const status = () => server.nodes()[0]!.types.find((t) => t.type === 'SlotRange')!;
  const bad = `${RING}/99`;
  const refused = () =>
    server.configOf('gateway/cell-a/pod-1')!.types.flatMap((t) => t.resources.filter((r) => r.refused !== undefined));
  await until(() => refused().some((r) => r.name === bad), 'the NACK of it alone');
  await until(() => !status().inFlight, 'all is answered');
  assert.deepEqual(
    refused().map((r) => r.name),
    [bad],
  );
  assert.match(status().lastError ?? '', /^demo\/main\/99: /);
  assert.equal(control.route(RING, 0)?.owner?.incarnation, 'uid-2/1');
});

test('starts from disk without any control plane, and takes news when it is back', async () => {
  const stateDir = join(dir, 'state');
  const source = new Source();
  const first = await serve(source);
  const before = connect([first.port], { stateDir });
  await before.ready;
  await before.workspace(workspaceId(1n));
  await before.close();
  const { port } = first;
  await first.close();

  const control = connect([port], { stateDir });
  await control.ready;
  assert.equal(control.route(RING, 5)?.owner?.incarnation, 'uid-1/1');
  assert.equal((await control.workspace(workspaceId(1n)))?.displayName, 'Acme');
  source.table = tableOf(2, 1);
  await serve(source, port);
  await until(() => control.route(RING, 5)?.owner?.incarnation === 'uid-2/1', 'the new table arrives');
});

test('an outage is told when it begins and when it ends, and not at each attempt', async () => {
  const source = new Source();
  const first = await serve(source);
  const told: { level: string; msg: string }[] = [];
  const write = (line: string): void => void told.push(JSON.parse(line) as (typeof told)[number]);
  const formatters = { level: (level: string) => ({ level }) };
  const control = connect([first.port], { log: pino({ level: 'debug', formatters }, { write }) });
  await control.ready;
  const { port } = first;
  await first.close();
  const lost = () => told.filter(({ msg }) => msg === 'control plane lost').map(({ level }) => level);
  await until(() => lost().length > 3, 'it has tried again');
  await serve(source, port);
  const answers = () => told.filter(({ msg }) => msg === 'control plane answers').map(({ level }) => level);
  await until(() => answers().length > 0, 'it is told that it is back');
  assert.deepEqual([answers(), lost().filter((level) => level !== 'debug')], [['info'], ['warn']]);
});

test('another replica serves when one ends; nothing is lost in between', async () => {
  const source = new Source();
  const one = await serve(source);
  const two = await serve(source);
  const control = connect([one.port, two.port]);
  await control.ready;
  await one.close();
  await until(() => two.nodeCount === 1, 'it has moved over');
  assert.equal(control.route(RING, 0)?.owner?.incarnation, 'uid-1/1');
  source.table = tableOf(2, 1);
  two.publish();
  await until(() => control.route(RING, 0)?.owner?.incarnation === 'uid-2/1', 'the new table arrives');
  assert.equal(source.table.target[0], NONE);
});

test('a replica that knows nothing yet says nothing', async () => {
  const source = new Source();
  source.known = false;
  const server = await serve(source);
  const control = connect([server.port]);
  await until(() => server.nodeCount === 1, 'it is connected');
  assert.equal(control.route(RING, 0), undefined);
  source.known = true;
  server.publish();
  await control.ready;
});

test('a bad request ends its own stream and nothing else', async () => {
  const source = new Source();
  const server = await serve(source);
  const control = connect([server.port]);
  await control.ready;
  const raw = new Client(`127.0.0.1:${server.port}`, credentials.createInsecure());
  closers.push(async () => raw.close());
  const { path } = ADS_SERVICE.DeltaAggregatedResources;
  const outcome = (bytes: Buffer): Promise<string> =>
    new Promise((resolve) => {
      const stream = raw.makeBidiStreamRequest<Buffer, Buffer>(
        path,
        (b) => b,
        (b) => b,
      );
      stream.on('data', () => resolve('answered'));
      stream.on('error', (e: Error) => resolve(e.message));
      stream.on('end', () => resolve('ended'));
      stream.write(bytes);
    });
  assert.notEqual(await outcome(Buffer.from('rubbish')), 'answered');
  const nameless = ADS_SERVICE.DeltaAggregatedResources.requestSerialize({ type_url: TYPE_URLS.drainOrder });
  assert.match(await outcome(nameless), /names no node/);
  source.table = tableOf(2, 1);
  server.publish();
  await until(() => control.route(RING, 0)?.owner?.incarnation === 'uid-2/1', 'the others are served');
  assert.equal(server.nodeCount, 1);
});
