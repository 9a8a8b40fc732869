/**
 * Watches and requests are broken all the time, by a seed: 410, resets, half-open connections, repeated, stale and
 * overtaking events, answers lost after the write. The end is always that of a run without faults. A seed in
 * CHATCELLS_FAULT_SEED replays its decisions; CHATCELLS_SOAK=1 tries 50 of each scenario.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApiServer, type TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import type { Fate } from '../../cells/contract/kube/fault-proxy.test-support.ts';
import type { WatchFault } from '../../cells/contract/kube/watch-tampering.test-support.ts';
import type { Workspace } from '../../crds/index.ts';
import { Arena } from './arena.test-support.ts';
import { type Cast, play, untouched } from './play.test-support.ts';
import { SCENARIOS } from './scenarios.test-support.ts';

let server: TestApiServer;
before(async () => {
  server = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
});
after(() => server?.close());

const WATCH_FAULTS: readonly WatchFault[] = ['duplicate', 'stale', 'swap', 'late', 'reset', 'gone', 'freeze'];
const FATES: readonly Fate[] = ['unsent', 'unanswered', 'silent', 'refused'];

/** Mulberry32. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
/** Of a share of the cases one of the faults, else undefined. */
const draw = <F>(next: () => number, share: number, faults: readonly F[]): F | undefined =>
  next() < share ? faults[Math.floor(next() * faults.length)] : undefined;

function broken(seed: number, say: (struck: string) => void): Cast {
  return async (arena) => {
    let writes = 0;
    const watches = new Map<string, number>();
    const requests = chance(seed);
    const { proxy, close } = await arena.operator({
      fateOf: ({ write }) => {
        if (!write) return 'pass';
        writes++;
        return draw(requests, 0.1, FATES) ?? 'pass';
      },
      // Each watch of a collection has decisions of its own, which do not hang on what other collections do meanwhile.
      tamperWith: ({ path }) => {
        const nth = watches.get(path) ?? 0;
        watches.set(path, nth + 1);
        const kind = [...(path.split('/').at(-1) ?? '')].reduce((sum, c) => sum * 31 + c.charCodeAt(0), nth);
        const next = chance(seed ^ kind);
        return () => draw(next, 0.3, WATCH_FAULTS) ?? 'none';
      },
    });
    return {
      stop: async () => {
        await close();
        say(JSON.stringify(proxy.struck));
      },
      writes: () => writes,
    };
  };
}

const given = process.env.CHATCELLS_FAULT_SEED;
const count = process.env.CHATCELLS_SOAK === '1' ? 50 : 1;
const seeds = given === undefined ? Array.from({ length: count }, (_, i) => i + 1) : [Number(given)];

const scenarios = SCENARIOS.filter(({ name }) => count > 1 || ['drain', 'placement'].includes(name));

for (const scenario of scenarios) {
  test(`${scenario.name}: the same end through broken watches and requests`, async (t) => {
    const { end } = await play(server, scenario, untouched);
    for (const seed of seeds) {
      await t.test(`seed ${seed}`, async (each) => {
        await play(
          server,
          scenario,
          broken(seed, (struck) => each.diagnostic(struck)),
          end,
        );
      });
    }
  });
}

test('a Workspace keeps its id when the deletion of its Secret is seen before its own status', async () => {
  const arena = await Arena.open(server);
  await arena.apply('Workspace', 'acme', { displayName: 'Acme', ring: 'nowhere' });
  // It comes with the list; its status, the first event, is not seen until the watch is given up.
  let events = 0;
  const operator = await arena.operator({
    tamperWith: ({ path }) => (path.endsWith('/workspaces') ? () => (events++ === 0 ? 'freeze' : 'none') : undefined),
  });
  try {
    await arena.status<Workspace>('Workspace', 'acme', (s) => s.workspaceId !== undefined);
    const before = (await arena.get<Workspace>('Workspace', 'acme'))?.status?.workspaceId;
    await arena.delete('Secret', 'acme-token-key', 'v1');
    await arena.status<Workspace>('Workspace', 'acme', (s) => s.tokenKeys?.length === 2);
    assert.equal((await arena.get<Workspace>('Workspace', 'acme'))?.status?.workspaceId, before);
  } finally {
    await operator.close();
    await arena.close();
  }
});
