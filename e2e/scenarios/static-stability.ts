/** Without API server, operator and every control-plane replica the system serves, lets in, and fails over. */
import { setTimeout as pause } from 'node:timers/promises';
import { ChatClient } from '../../dataplane/client/index.ts';
import { strike } from './failover.ts';
import type { Round } from './round.ts';
import type { Scenario } from './scenario.ts';
import type { System } from './system.ts';

const NEWCOMERS = 20;
const CONNECT_MS = 15_000;

/** How many of so many new clients get a session, each by a socket of its own. */
async function newcomers(system: System): Promise<number> {
  const edges = system.status.edges.map((e) => e.url);
  const plans = system.tenants.flatMap((t) => t.clients).slice(0, NEWCOMERS);
  const joined = await Promise.all(
    plans.map(async ({ token }, i) => {
      const first = i % edges.length;
      const client = new ChatClient({ edges: [...edges.slice(first), ...edges.slice(0, first)], token });
      const late = pause(CONNECT_MS, false, { ref: false });
      const ok = await Promise.race([
        client.connect().then(
          () => true,
          () => false,
        ),
        late,
      ]);
      client.close();
      return ok;
    }),
  );
  return joined.filter(Boolean).length;
}

const without = (ms: number) => async (system: System, round: Round) => {
  const [victim] = await system.channelServers();
  const before = { failed: system.load.figures.httpFailures, acknowledged: system.load.figures.acknowledged };
  round.say('API server stopped; operator and every control-plane replica killed');
  await system.controlPlaneDown();
  try {
    await pause(ms / 2);
    await strike(system, round, {
      what: `SIGKILL to ${victim!.pod}`,
      victims: [victim!],
      now: () => system.kill(victim!.pod),
    });
    const joined = await newcomers(system);
    round.note('newcomers', joined);
    round.expect(joined === NEWCOMERS, `only ${joined} of ${NEWCOMERS} new clients got a session`);
    await pause(ms / 2);
    const { httpFailures, connected } = system.load.figures;
    round.expect(httpFailures === before.failed, `${httpFailures - before.failed} requests failed meanwhile`);
    round.expect(connected === system.clients, `${system.clients - connected} clients are not connected`);
    round.expect((await system.controlPlanesUp()) === 0, 'a control-plane replica came back meanwhile');
    round.note('acknowledged_meanwhile', system.load.figures.acknowledged - before.acknowledged);
  } finally {
    await system.controlPlaneUp();
  }
  const back = performance.now();
  await system.whole();
  round.note('whole_again_s', (performance.now() - back) / 1000);
};

const promise = (minutes: string): string =>
  `API server, operator and every control-plane replica are down for ${minutes}, a channel server is killed in the middle: no request fails, new clients get in, everything converges when they return.`;

export const STATIC_STABILITY: readonly Scenario[] = [
  { name: 'static-stability', promise: promise('a minute'), run: without(60_000) },
  { name: 'static-stability-long', promise: promise('ten minutes'), run: without(600_000) },
];
