import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { ChatError } from '../../cells/contract/errors.ts';
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import { systemRandom } from '../../cells/contract/system-clock.ts';
import { Controller, DONE, type Outcome, requeueAfter } from './controller.ts';
import { ManualClock } from './manual-clock.test-support.ts';
import { controllerMetrics } from './metrics.ts';

function start(reconcile: (key: string) => Outcome): {
  controller: Controller;
  clock: ManualClock;
  registry: Registry;
  lines: string[];
} {
  const clock = new ManualClock();
  const registry = new Registry();
  const lines: string[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) });
  const controller = new Controller({
    name: 'test',
    reconcile: async (key) => reconcile(key),
    clock,
    random: systemRandom,
    log,
    metrics: controllerMetrics(registry),
  });
  controller.start();
  return { controller, clock, registry, lines };
}

test('what throws comes again with back-off, and is logged with its reconcileID', async () => {
  let calls = 0;
  const { controller, clock, registry, lines } = start(() => {
    if (++calls < 3) throw new Error('not yet');
    return DONE;
  });
  controller.add('ns/a');
  await eventually(() => calls === 1 && controller.idle);
  clock.advance(5);
  await eventually(() => calls === 2 && controller.idle);
  clock.advance(9);
  assert.equal(calls, 2);
  clock.advance(1);
  await eventually(() => calls === 3 && controller.idle);
  clock.advance(1_000_000);
  assert.equal(calls, 3);
  assert.match(lines[0]!, /"controller":"test","key":"ns\/a","reconcileID":"[0-9a-f]{16}"/);
  const text = await registry.metrics();
  assert.match(text, /controller_reconcile_total\{controller="test",result="error"\} 2/);
  assert.match(text, /controller_reconcile_total\{controller="test",result="done"\} 1/);
  await controller.close();
});

test('a write that came too late is tried again and is no error, unless it always is', async () => {
  let conflicts = 3;
  const { controller, clock, registry, lines } = start(() => {
    if (conflicts-- > 0) throw new ChatError('kube_refused', { status: 409 });
    return DONE;
  });
  const results = async () =>
    Object.fromEntries(
      [...(await registry.metrics()).matchAll(/controller_reconcile_total\{.*result="(\w+)"\} (\d+)/g)].map((m) => [
        m[1],
        Number(m[2]),
      ]),
    );
  const settle = async () => {
    for (let i = 0; i < 20; i++) {
      await eventually(() => controller.idle);
      clock.advance(10_000);
    }
  };
  controller.add('ns/a');
  await settle();
  const none = { requeue_after: 0, terminal: 0 };
  assert.deepEqual(await results(), { ...none, conflict: 3, error: 0, done: 1 });
  assert.ok(lines.every((line) => !/"level":(40|50)/.test(line)));
  conflicts = 8;
  controller.add('ns/a');
  await settle();
  assert.deepEqual(await results(), { ...none, conflict: 8, error: 3, done: 2 });
  await controller.close();
});

test('keys that fail are counted until they succeed, and no longer by one that does not lead', async () => {
  const wrong = new Set(['ns/a', 'ns/b']);
  const { controller, clock, registry } = start((key) => {
    if (wrong.has(key)) throw new Error('never');
    return DONE;
  });
  const failing = async (): Promise<string | undefined> =>
    /controller_failing_keys\{controller="test"\} (\d+)/.exec(await registry.metrics())?.[1];
  for (const key of ['ns/a', 'ns/b', 'ns/c']) controller.add(key);
  await eventually(() => controller.idle);
  assert.equal(await failing(), '2');
  wrong.delete('ns/a');
  clock.advance(5);
  await eventually(() => controller.idle);
  assert.equal(await failing(), '1');
  await controller.close();
  assert.equal(await failing(), '0');
});

test('requeueAfter comes again at its time; terminal does not', async () => {
  const calls: string[] = [];
  const { controller, clock } = start((key) => {
    calls.push(key);
    return key === 'later' ? requeueAfter(100) : { kind: 'terminal', reason: 'wrong' };
  });
  controller.add('later');
  controller.add('never');
  await eventually(() => calls.length === 2 && controller.idle);
  clock.advance(100);
  await eventually(() => calls.length === 3 && controller.idle);
  assert.deepEqual(calls, ['later', 'never', 'later']);
  await controller.close();
  await controller.close();
});
