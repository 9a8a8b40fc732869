/**
 * Hours of noisy normal operation name no zone, and a zone that is bad in the midst of it is always named in time: on
 * virtual time, by seeds. HEALTH_HOURS for more of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BulkWorld } from './bulk-traffic.test-support.ts';
import { judge } from './judge.ts';
import { HOUR, noisyHour, TROUBLES } from './noise.test-support.ts';
import { HEALTH_POLICY } from './policy.ts';
import { BUCKET_SECONDS } from './report.ts';
import { lossyZone, mulberry, ZONES } from './traffic.test-support.ts';

const HOURS = Number(process.env.HEALTH_HOURS ?? 210);
const GRAY_ZONES = Math.ceil(HOURS / 2);
const BEGAN = 30;
const WINDOW = HEALTH_POLICY.windowBuckets;

test(`${HOURS} hours of noise (bursts, deploys, a slow store, hiccups, missing replicas, few requests, ${TROUBLES.slice(1).join(', ')} bad) name no zone`, () => {
  for (let seed = 1; seed <= HOURS; seed++) {
    const hour = noisyHour(seed);
    const world = new BulkWorld(hour);
    for (let bucket = 0; bucket < HOUR; bucket++) {
      const { badZone } = judge(world.next(), HEALTH_POLICY);
      assert.equal(badZone, undefined, `seed ${seed} (${hour.trouble}), bucket ${bucket}`);
    }
  }
});

test(`${GRAY_ZONES} gray zones (10 to 70 % lost) amid noise are each named within the window and two buckets`, () => {
  for (let seed = 1; seed <= GRAY_ZONES; seed++) {
    const dice = mulberry(seed + 424_242);
    const zone = ZONES[Math.floor(dice() * ZONES.length)]!;
    const rate = 0.1 + 0.6 * dice();
    const hour = noisyHour(seed, zone);
    const gray = { from: BEGAN, to: HOUR, fault: lossyZone(zone, rate) };
    const world = new BulkWorld({ ...hour, episodes: [...hour.episodes, gray] });
    let named: { zone: string; bucket: number } | undefined;
    for (let bucket = 0; bucket < BEGAN + WINDOW + 2 && !named; bucket++) {
      const { badZone } = judge(world.next(), HEALTH_POLICY);
      if (badZone) named = { zone: badZone.zone, bucket };
    }
    const why = `seed ${seed} (${hour.trouble}): ${zone} loses ${Math.round(rate * 100)} %`;
    assert.equal(named?.zone, zone, why);
    assert.ok(named.bucket >= BEGAN + WINDOW / 2, `${why}, named after ${(named.bucket - BEGAN) * BUCKET_SECONDS} s`);
  }
});
