/** One thread of a Lane: runs the seeds that it is sent, one after another. */
import { parentPort } from 'node:worker_threads';
import type { Job } from './lanes.ts';
import { runSeed } from './scenario.ts';

parentPort?.on('message', async ({ seed, plant, trace }: Job) => {
  parentPort?.postMessage(await runSeed(seed, new Set(plant === undefined ? [] : [plant]), trace));
});
