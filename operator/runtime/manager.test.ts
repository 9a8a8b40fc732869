import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import { FaultyServer, type Thing } from '../../cells/contract/kube/faulty-server.test-support.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import { DONE } from './controller.ts';
import { Manager } from './manager.ts';
import { controllerMetrics } from './metrics.ts';

let server: FaultyServer;
let manager: Manager;

beforeEach(async () => {
  server = await FaultyServer.start();
  manager = new Manager({
    ...{ kubeConfig: server.kubeConfig, clock: systemClock, random: systemRandom, log: pino({ level: 'silent' }) },
    metrics: controllerMetrics(new Registry()),
  });
});
afterEach(async () => {
  await manager.close();
  await server.close();
});

test('a new leader decides by what is, though its watch has been dead and the leader before has changed things', async () => {
  server.put('a', '1');
  server.faults.watch.push('silent', 'silent');
  const things = manager.watch<Thing>('things', '/apis/test/v1/namespaces/ns/things');
  const decidedBy: (string | undefined)[] = [];
  manager.control({
    name: 'things',
    workers: 1,
    triggers: [{ resource: 'things', keysOf: (key) => [key] }],
    reconcile: async (key) => {
      decidedBy.push(things.store.get(key)?.value);
      return DONE;
    },
  });
  await things.synced;
  await eventually(() => things.stats.watches === 1);
  server.put('a', '2', { announce: false });
  const term = new AbortController();
  const led = manager.lead(term.signal);
  await eventually(() => decidedBy.length > 0);
  term.abort();
  await led;
  assert.deepEqual(decidedBy, ['2']);
});
