/** The store dead or slow, and busy cores: nobody is dead then, so nobody takes anything over. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const STOPPED_MS = 10_000;
const DEAD_MS = 3_000;
const SLOW_MS = 20_000;
/** Of each 200 ms the store runs 40. */
const SLOW = { stopMs: 160, runMs: 40 };
const BUSY_MS = 30_000;
/** Posts are acknowledged again within this after the store is back. */
const RESUMED_MS = 10_000;

/** No takeover from before `fault` until posts are acknowledged again after it; `fault` resolves when it is over. */
async function noFailover(system: System, round: Round, what: string, fault: () => Promise<void>): Promise<void> {
  const topics = system.tenants.flatMap((t) => t.channels);
  const before = await system.takeovers();
  round.fault(what);
  await fault();
  const resumed = await system.gaps(Date.now(), topics);
  round.note('resumed_ms', Math.max(...resumed));
  round.expect(Math.max(...resumed) <= RESUMED_MS, `posts were acknowledged only ${Math.max(...resumed)} ms after it`);
  await system.load.acknowledged(100);
  round.figures.takeovers += await system.takeoversSince(before);
  await system.whole();
}

const stopped = (system: System, round: Round) =>
  noFailover(system, round, `SIGSTOP to the store for ${STOPPED_MS / 1000} s`, async () => {
    system.signalPart('store', 'SIGSTOP');
    await pause(STOPPED_MS);
    system.signalPart('store', 'SIGCONT');
  });

const killed = (system: System, round: Round) =>
  noFailover(system, round, 'SIGKILL to the store', async () => {
    system.signalPart('store', 'SIGKILL');
    await pause(DEAD_MS);
    await system.start();
  });

const slow = (system: System, round: Round) =>
  noFailover(system, round, `the store stopped ${SLOW.stopMs} ms of each ${SLOW.stopMs + SLOW.runMs}`, async () => {
    for (const until = performance.now() + SLOW_MS; performance.now() < until; ) {
      system.signalPart('store', 'SIGSTOP');
      await pause(SLOW.stopMs);
      system.signalPart('store', 'SIGCONT');
      await pause(SLOW.runMs);
    }
  });

const busy = (system: System, round: Round) =>
  noFailover(system, round, `${2 * availableParallelism()} processes that only burn CPU`, async () => {
    const burners = Array.from({ length: 2 * availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
    );
    try {
      await pause(BUSY_MS);
    } finally {
      for (const burner of burners) burner.kill('SIGKILL');
    }
  });

export const STORE_FAULTS: readonly Scenario[] = [
  {
    name: 'store-stopped',
    promise: 'The store hangs for 10 s: no failover, posts resume, nothing is lost.',
    requestsMayFail: true,
    run: stopped,
  },
  {
    name: 'store-killed',
    promise: 'The store is killed and restarted: no failover, posts resume, nothing is lost.',
    requestsMayFail: true,
    run: killed,
  },
  {
    name: 'store-slow',
    promise: 'The store runs at a fifth of its speed for 20 s: no failover, no request fails, nothing is lost.',
    run: slow,
  },
  {
    name: 'busy-cores',
    promise: 'Two processes for each core burn CPU for 30 s: no false failover, no request fails, nothing is lost.',
    run: busy,
  },
];
