/** The client against a service that cuts, refuses, repeats and loses: the history checker judges what it made of it. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ManualClock, ME, seededRandom, TEAM } from './client.test-support.ts';
import { HistoryChecker, type HistoryRecord, LogIndex, type Verdict } from './history/index.ts';
import { ChatClient, type ClientEvent } from './index.ts';
import { CHANNELS, ModelServer } from './model-server.test-support.ts';

const RUNS = Number(process.env.CLIENT_RUNS ?? 40);
const STEPS = 60;

async function run(
  seed: number,
): Promise<{ verdict: Verdict; seen: ClientEvent[]; server: ModelServer; client: ChatClient }> {
  const clock = new ManualClock();
  const random = seededRandom(seed);
  const server = new ModelServer(clock, random);
  server.faults = random.next() * 0.15;
  const records: HistoryRecord[] = [{ kind: 'open', client: 'c', workspace: TEAM, user: ME }];
  const seen: ClientEvent[] = [];
  const client = new ChatClient({
    edges: ['http://a', 'http://b'],
    token: 't',
    clock,
    random,
    http: server.http,
    openSocket: server.openSocket,
    onEvent: (e) => seen.push(e),
    record: (r) => records.push(r),
  });
  void client.connect();
  const posts: Promise<unknown>[] = [];
  for (let step = 0; step < STEPS; step++) {
    const channel = CHANNELS[Math.floor(random.next() * CHANNELS.length)]!;
    const dice = random.next();
    if (dice < 0.35) posts.push(client.post(channel, `p${step}`));
    else if (dice < 0.8) server.say(channel);
    else if (dice < 0.9) server.cut();
    await clock.pass(Math.floor(random.next() * 400));
  }
  server.faults = 0;
  for (let n = 0; n < 600 && !settled(client, server); n++) {
    // Something after all, so that a topic that lost its last event learns of it.
    if (n % 20 === 10) for (const channel of CHANNELS) server.say(channel);
    await clock.pass(500);
  }
  assert.ok(settled(client, server), `seed ${seed}: not at rest`);
  await Promise.all(posts);
  client.close();
  records.push({ kind: 'end', settled: true });
  const index = new LogIndex();
  for (const row of server.rows()) index.add(row);
  const checker = new HistoryChecker(index);
  for (const record of records) checker.record('c', record);
  assert.equal(records.filter((r) => r.kind === 'sent').length, posts.length);
  return { verdict: checker.verdict(), seen, server, client };
}

const settled = (client: ChatClient, server: ModelServer): boolean =>
  client.state === 'ready' &&
  client.pendingPosts === 0 &&
  CHANNELS.every((c) => client.positions.get(c) === server.log.get(c)!.length);

it('under any mix of faults every event reaches the application once, in order', async () => {
  const total = { resumes: 0, reconnects: 0, rawDuplicates: 0, gaps: 0 };
  for (let seed = 1; seed <= RUNS; seed++) {
    const { verdict, seen, server, client } = await run(seed);
    assert.deepEqual(verdict.findings, [], `seed ${seed}`);
    assert.equal(verdict.acknowledged, verdict.sent, `seed ${seed}`);
    for (const channel of CHANNELS) {
      const seqs = seen.filter((e) => e.topic === channel).map((e) => e.seq!);
      const all = Array.from({ length: server.log.get(channel)!.length }, (_, i) => i + 1);
      // Messages before its first session were never owed to it.
      assert.deepEqual(seqs, all.slice(all.length - seqs.length), `seed ${seed}`);
    }
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += client.stats[key];
  }
  for (const [what, count] of Object.entries(total)) assert.ok(count > 0, `no ${what}: the test tests too little`);
});
