import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Addresses } from './addresses.ts';
import { backOffPolicy, nextBackOff, noFailures } from './backoff.ts';
import type { ContainerState, ContainerStatus, Pod } from './kube.ts';
import { podConditions, podPhase, restarts } from './pod-status.ts';
import { initialProbeState, observe, observeStartup } from './probe-state.ts';

test('back-off: at once, then from the base doubling to its thirtyfold, afresh after a long run', () => {
  const policy = backOffPolicy(10_000);
  let state = noFailures;
  const waits = Array.from({ length: 8 }, () => {
    const next = nextBackOff(state, 0, policy);
    state = next.state;
    return next.waitMs / 1000;
  });
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(nextBackOff(state, policy.resetAfterMs, policy).waitMs, 0);
});

test('readiness turns after successThreshold and failureThreshold results in a row', () => {
  const probe = { successThreshold: 2, failureThreshold: 3 };
  let state = initialProbeState('readiness');
  const verdicts = [true, false, true, true, false, false, true, false, false, false].map((result) => {
    state = observe(state, result, probe).state;
    return state.healthy;
  });
  assert.deepEqual(verdicts, [false, false, false, true, true, true, true, true, true, false]);
});

test('liveness fails exactly after failureThreshold failures in a row', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean()), fc.integer({ min: 1, max: 5 }), (results, failureThreshold) => {
      let state = initialProbeState('liveness');
      let row = 0;
      for (const result of results) {
        row = result ? 0 : row + 1;
        const next = observe(state, result, { failureThreshold });
        state = next.state;
        assert.equal(next.failed, row === failureThreshold);
        if (next.failed) return;
      }
    }),
  );
});

test('startup fails after failureThreshold failures before the first success', () => {
  const probe = { failureThreshold: 2 };
  assert.deepEqual(observeStartup(0, false, probe), { failures: 1, started: false, failed: false });
  assert.deepEqual(observeStartup(1, false, probe), { failures: 2, started: false, failed: true });
  assert.deepEqual(observeStartup(1, true, probe), { failures: 0, started: true, failed: false });
});

const status = (state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus => ({
  name: 'c',
  image: 'i',
  imageID: 'i',
  state,
  lastState: {},
  ready: false,
  started: true,
  restartCount: 0,
  ...more,
});
const running = status({ running: { startedAt: 't' } }, { ready: true });
const ended = (exitCode: number): ContainerStatus => status({ terminated: { exitCode, reason: 'x', finishedAt: 't' } });
const podWith = (restartPolicy: 'Always' | 'OnFailure' | 'Never'): Pod => ({
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { restartPolicy, containers: [{ name: 'c', image: 'i' }] },
});

test('phase', () => {
  const waiting = status({ waiting: { reason: 'ContainerCreating' } });
  const crashing = status({ waiting: { reason: 'CrashLoopBackOff' } }, { lastState: ended(1).state });
  assert.equal(podPhase(podWith('Always'), [], []), 'Pending');
  assert.equal(podPhase(podWith('Always'), [], [waiting]), 'Pending');
  assert.equal(podPhase(podWith('Always'), [], [running]), 'Running');
  assert.equal(podPhase(podWith('Always'), [], [crashing]), 'Running');
  assert.equal(podPhase(podWith('Always'), [], [ended(0)]), 'Running');
  assert.equal(podPhase(podWith('OnFailure'), [], [ended(1)]), 'Running');
  assert.equal(podPhase(podWith('OnFailure'), [], [ended(0)]), 'Succeeded');
  assert.equal(podPhase(podWith('Never'), [], [ended(1)]), 'Failed');
  assert.equal(podPhase(podWith('Never'), [ended(1)], []), 'Failed');
});

test('a condition keeps its transition time while its status stays', () => {
  const pod = podWith('Always');
  const seen = { prepared: true, init: [], main: [running], now: 'now' };
  const first = podConditions(pod, 'Running', { ...seen, now: 'then' });
  assert.ok(first.every((one) => one.status === 'True'));
  const later = podConditions({ ...pod, status: { conditions: first } }, 'Running', { ...seen, main: [ended(1)] });
  const at = (type: string): string | undefined => later.find((one) => one.type === type)?.lastTransitionTime;
  assert.equal(at('Initialized'), 'then');
  assert.equal(at('Ready'), 'now');
});

test('who is started again', () => {
  assert.deepEqual([restarts('Always', 0), restarts('OnFailure', 0), restarts('OnFailure', 1)], [true, false, true]);
  assert.equal(restarts('Never', 1), false);
});

test('addresses are never held twice, and a Pod gets its own back', () => {
  const addresses = new Addresses('127.1.0.1');
  const all = Array.from({ length: 253 }, (_, index) => addresses.take(`u${index}`));
  assert.equal(new Set(all).size, 253);
  assert.throws(() => addresses.take('one more'), /no free address/);
  addresses.release('u7');
  assert.equal(addresses.take('other'), all[7]);
  assert.equal(new Addresses('127.1.0.1').take('u', '127.1.0.9'), '127.1.0.9');
});
