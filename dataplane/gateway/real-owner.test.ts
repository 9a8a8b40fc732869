/** Gateway and reference client over the real channel server, links, Web API and SQLite, in one process; judged by the history checker. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { pino } from 'pino';
import { idNumber, type TopicId } from '../../cells/contract/ids.ts';
import { memberOf } from '../channel/event-frame.ts';
import { HistoryChecker, type HistoryRecord, LogIndex, payloadHash } from '../client/history/index.ts';
import { ChatClient, openWebSocket } from '../client/index.ts';
import { type StageOne, startStageOne } from '../dev/stage-one.ts';
import { devUserId } from '../dev/workspaces.ts';
import { until } from './gateway.test-support.ts';

const WORKSPACE = 'TACME' as Parameters<typeof devUserId>[0];
const dir = mkdtempSync(join(tmpdir(), 'gateway-'));
let stage: StageOne;
const clients: ChatClient[] = [];
const start = (port: number): Promise<StageOne> =>
  startStageOne({
    dir,
    storeUrl: `sqlite:${join(dir, 'chat.db')}`,
    host: '127.0.0.1',
    port,
    log: pino({ level: 'silent' }),
  });
before(async () => {
  stage = await start(0);
});
after(async () => {
  for (const client of clients) client.close(); // also after a failure: an open one keeps the process alive
  await stage.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Watched {
  name: string;
  client: ChatClient;
  records: HistoryRecord[];
  /** Cuts the socket as a lost network does. */
  cut(): void;
}

async function connect(name: string): Promise<Watched> {
  const records: HistoryRecord[] = [
    { kind: 'open', client: name, workspace: WORKSPACE, user: devUserId(WORKSPACE, name) },
  ];
  let cut = (): void => undefined;
  const client = new ChatClient({
    edges: [stage.url],
    token: await stage.workspaces.token('acme', name),
    record: (record) => records.push(record),
    openSocket: (url, handlers) => {
      const connection = openWebSocket(url, handlers);
      cut = () => connection.close(4999, 'cut by the test');
      return connection;
    },
  });
  clients.push(client);
  await client.connect();
  return { name, client, records, cut: () => cut() };
}

async function readLog(topics: Iterable<string>): Promise<LogIndex> {
  const index = new LogIndex();
  for (const topic of topics)
    for (const row of await stage.store.log.read(topic as TopicId, 0, 100_000)) {
      const member = memberOf(row);
      index.add({
        topic,
        workspace: row.workspace,
        seq: row.seq,
        epoch: row.epoch,
        ts: (JSON.parse(row.payload) as { ts: string }).ts,
        type: row.type,
        ...(row.user === undefined ? {} : { user: row.user }),
        ...(row.clientKey === undefined ? {} : { client_msg_id: row.clientKey }),
        hash: payloadHash(row.payload),
        ...(member === undefined ? {} : { member }),
      });
    }
  return index;
}

it('cut sockets, a kick and a restart of everything: nothing lost, repeated, reordered or leaked', async () => {
  const watched = await Promise.all(['ann', 'ben', 'cat', 'dan'].map(connect));
  const [ann, ben, cat] = watched as [Watched, Watched, Watched, Watched];
  const created = await ann.client.call('conversations.create', { name: 'plans', is_private: true });
  const channel = (created.channel as { id: string }).id;
  const users = watched.slice(1).map((w) => devUserId(WORKSPACE, w.name));
  await ann.client.call('conversations.invite', { channel, users: users.join(',') });
  await until(() => watched.every((w) => (w.client.positions.get(channel) ?? 0) >= 5), 'all have joined');

  const posts: Promise<unknown>[] = [];
  const round = (from: readonly Watched[], n: number): void => {
    for (let i = 0; i < n; i++) for (const w of from) posts.push(w.client.post(channel, `${w.name} ${posts.length}`));
  };
  round(watched, 10);
  ben.cut();
  round(watched, 5);
  await Promise.all(posts);
  await ann.client.call('conversations.kick', { channel, user: devUserId(WORKSPACE, 'cat') });
  const staying = watched.filter((w) => w !== cat);
  round(staying, 5);
  await Promise.all(posts);
  await assert.rejects(cat.client.post(channel, 'still here?'), { code: 'channel_not_found' });

  const port = Number(new URL(stage.url).port);
  round(staying, 5);
  await stage.close();
  stage = await start(port);
  round(staying, 5);
  await Promise.all(posts);
  const head = (await stage.store.log.heads([channel as TopicId])).get(channel as TopicId)!.seq;
  await until(() => staying.every((w) => w.client.positions.get(channel) === head), 'all have everything');
  await until(() => watched.every((w) => w.client.state === 'ready'), 'all are back');
  for (const w of watched) {
    w.client.close();
    w.records.push({ kind: 'end', settled: staying.includes(w) });
  }

  const topics = new Set(
    watched.flatMap((w) => [...w.client.positions.keys()]).filter((t) => idNumber(t) !== undefined),
  );
  const checker = new HistoryChecker(await readLog(topics));
  for (const w of watched) for (const record of w.records) checker.record(w.name, record);
  const verdict = checker.verdict();
  assert.deepEqual(verdict.findings, []);
  assert.equal(verdict.holds, true);
  assert.equal(verdict.acknowledged, posts.length);
  assert.ok(verdict.resumes >= 5, `resumes: ${verdict.resumes}`);
});
