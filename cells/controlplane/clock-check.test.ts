import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ClockCheck } from './clock-check.ts';

test('the skew is told each time; a clock that is a bucket off is said once, and once when it is mended', async () => {
  const [skews, said]: [number[], string[]] = [[], []];
  const log = {
    error: ({ skewMs }: { skewMs: number }) => said.push(`error ${skewMs}`),
    info: ({ skewMs }: { skewMs: number }) => said.push(`info ${skewMs}`),
  };
  let ownMs = 0;
  const check = new ClockCheck({
    ...{
      store: { wallMs: async () => 1_000_000 },
      clock: { wallMs: () => ownMs, monotonicMs: () => 0 },
      log: log as never,
    },
    onSkew: (ms) => skews.push(ms),
  });
  for (const skewMs of [40, -20_000, -20_001, 15_000, -9_000]) {
    ownMs = 1_000_000 + skewMs;
    await check.look();
  }
  assert.deepEqual(skews, [40, -20_000, -20_001, 15_000, -9_000]);
  assert.deepEqual(said, ['error -20000', 'info -9000']);
});
