import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { startTestApiServer, type TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import type { KubeClient } from '../../cells/contract/kube/client.ts';
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import { LeaseElection } from './lease-election.ts';

let api: TestApiServer;
before(async () => {
  api = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
});
after(() => api?.close());

/** Who leads now, in the order in which they began. */
const began: string[] = [];
const leading = new Set<string>();
let most = 0;

function candidate(identity: string, client = api.client, isFit?: () => boolean): LeaseElection {
  return new LeaseElection({
    client,
    namespace: api.namespace,
    name: 'test',
    identity,
    clock: systemClock,
    random: systemRandom,
    log: pino({ level: 'silent' }),
    leaseMs: 1000,
    renewDeadlineMs: 700,
    retryMs: 50,
    ...(isFit ? { isFit } : {}),
    lead: async (signal) => {
      began.push(identity);
      leading.add(identity);
      most = Math.max(most, leading.size);
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      leading.delete(identity);
    },
  });
}

test('one leads; closing hands over; a leader that cannot renew stops and another takes over', async () => {
  // A client whose requests get no answer when told so, for longer than the Lease lasts: a leader that is cut off.
  let cut = false;
  const noAnswer = () =>
    new Promise<never>((_, reject) => systemClock.after(3_000, () => reject(new Error('no answer'))));
  const severed = new Proxy(api.client, {
    get: (target, name: keyof KubeClient) => {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => (cut ? noAnswer() : method.apply(target, args));
    },
  });
  const a = candidate('a');
  await eventually(() => leading.has('a'));
  const b = candidate('b', severed);
  const c = candidate('c');
  await a.close();
  await a.close();
  await eventually(() => leading.size === 1);
  if (leading.has('c')) {
    await c.close(); // so that b, which can be cut off, leads
    await eventually(() => leading.has('b'));
  }
  const d = candidate('d');
  cut = true;
  await eventually(() => !leading.has('b'));
  await eventually(() => leading.size === 1 && !leading.has('b'));
  cut = false;
  assert.equal(most, 1, 'two led at once');
  assert.ok(began.length >= 3, began.join());
  for (const election of [b, c, d]) await election.close();
  assert.equal(leading.size, 0);
});

test('a leader that is not fit gives the Lease to another, and takes it back when nobody else has', async () => {
  let fit = true;
  const a = candidate('a', api.client, () => fit);
  await eventually(() => leading.has('a'));
  const b = candidate('b');
  fit = false;
  await eventually(() => leading.has('b'));
  await b.close();
  await eventually(() => leading.has('a'));
  assert.equal(fit, false, 'better than nobody');
  await a.close();
});
