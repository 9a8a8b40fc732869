import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockCheck } from './clock-check.ts';

test('the skew is told each time; a clock beyond the limit is said once, and once when it is mended', async () => {
  const [skews, said]: [number[], string[]] = [[], []];
  const log = {
    error: ({ skewMs }: { skewMs: number }) => said.push(`error ${skewMs}`),
    info: ({ skewMs }: { skewMs: number }) => said.push(`info ${skewMs}`),
  };
  let ownMs = 0;
  const check = new ClockCheck({
    ...{
      storeMs: async () => 1_000_000,
      clock: { wallMs: () => ownMs, monotonicMs: () => 0 },
      ...{ limitMs: 10_000, consequence: 'a test', log: log as never },
    },
    onSkew: (ms) => skews.push(ms),
  });
  for (const skewMs of [40, -20_000, -20_001, 15_000, -9_000]) {
    ownMs = 1_000_000 + skewMs;
    await check.look();
    assert.equal(check.off, Math.abs(skewMs) > 10_000);
  }
  assert.deepEqual(skews, [40, -20_000, -20_001, 15_000, -9_000]);
  assert.deepEqual(said, ['error -20000', 'info -9000']);
});

test('half of the round trip is the store’s; one that takes longer than a second says nothing', async () => {
  const skews: number[] = [];
  let [ms, tripMs] = [0, 0];
  const check = new ClockCheck({
    storeMs: async () => {
      ms += tripMs;
      return 1_000_000 + ms - tripMs / 2;
    },
    clock: { wallMs: () => 1_000_000 + ms, monotonicMs: () => ms },
    ...{ limitMs: 100, consequence: 'a test', log: {} as never, onSkew: (skewMs: number) => skews.push(skewMs) },
  });
  for (tripMs of [0, 600, 1_001]) await check.look();
  assert.deepEqual(skews, [0, 0]);
});
