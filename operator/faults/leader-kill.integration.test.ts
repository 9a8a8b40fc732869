/**
 * The leader is killed at one write after another, before it takes effect or when its answer is on the way, and another
 * takes over: the end is always that of a run without faults. CHATCELLS_SOAK=1 tries every write.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startTestApiServer, type TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import { killedAt, play, untouched } from './play.test-support.ts';
import { SCENARIOS } from './scenarios.test-support.ts';

let server: TestApiServer;
before(async () => {
  server = await startTestApiServer(process.env.CHATCELLS_TEST_KUBECONFIG);
});
after(() => server?.close());

const SOAK = process.env.CHATCELLS_SOAK === '1';

function* everyWrite(writes: number): Generator<number> {
  for (let n = 1; n <= writes; n++) yield n;
}
const oneInTheMiddle = (writes: number): number[] => [Math.ceil(writes / 2)];

test('a leader that takes over a settled cluster reconciles every object and writes nothing', async () => {
  const settled = SCENARIOS.find((s) => s.name === 'creation')!;
  const { writes } = await play(
    server,
    { name: 'takeover', prepare: settled.play, play: (a) => a.asked(2) },
    untouched,
  );
  assert.equal(writes, 0);
});

for (const scenario of SCENARIOS) {
  test(`${scenario.name}: the leader killed at a write`, async (t) => {
    const unfaulted = await play(server, scenario, untouched);
    t.diagnostic(`${scenario.name} takes ${unfaulted.writes} writes`);
    assert.ok(unfaulted.writes > 3);
    for (const write of SOAK ? everyWrite(unfaulted.writes) : oneInTheMiddle(unfaulted.writes)) {
      for (const when of SOAK ? (['killedBefore', 'killedAfter'] as const) : (['killedAfter'] as const)) {
        await t.test(`write ${write}, ${when}`, async () => {
          await play(server, scenario, killedAt([{ write, when }]), unfaulted.end);
        });
      }
    }
  });
}
