import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import {
  type HistoryRecord,
  JsonlWriter,
  type LogRow,
  readJsonl,
  type Verdict,
} from '../../dataplane/client/history/index.ts';
import { dumpLog } from './dump-log.ts';

const row = (seq: number, rest: Partial<LogRow> = {}): LogRow => ({
  topic: 'C1',
  workspace: 'T1',
  seq,
  epoch: 1,
  ts: `1.00000${seq}`,
  type: 'message',
  ...rest,
});
const LOG: LogRow[] = [
  row(1, { type: 'member_joined_channel', member: { user: 'U1', joined: true } }),
  row(2, { type: 'member_joined_channel', member: { user: 'U2', joined: true } }),
  row(3, { user: 'U1', client_msg_id: 'x' }),
];

async function files(t: TestContext, b: HistoryRecord[]): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'checker-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'history'));
  const write = async <T>(name: string, records: T[]): Promise<void> => {
    const writer = new JsonlWriter<T>(join(dir, name));
    for (const record of records) writer.write(record);
    await writer.close();
  };
  await write('log.jsonl', LOG);
  await write<HistoryRecord>('history/a.jsonl', [
    { kind: 'open', client: 'a', workspace: 'T1', user: 'U1' },
    { kind: 'subscribed', topic: 'C1', seq: 2 },
    { kind: 'sent', topic: 'C1', client_msg_id: 'x' },
    { kind: 'ack', topic: 'C1', client_msg_id: 'x', seq: 3, ts: '1.000003', via: 'socket' },
    { kind: 'end', settled: true },
  ]);
  await write<HistoryRecord>('history/b.jsonl', [
    { kind: 'open', client: 'b', workspace: 'T1', user: 'U2' },
    { kind: 'subscribed', topic: 'C1', seq: 2 },
    ...b,
    { kind: 'end', settled: true },
  ]);
  return dir;
}

async function all<T>(records: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = [];
  for await (const record of records) out.push(record);
  return out;
}

function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

test('a history that holds: exit 0 and the verdict as JSON', async (t) => {
  const dir = await files(t, [{ kind: 'event', topic: 'C1', seq: 3, ts: '1.000003', type: 'message' }]);
  const { code, stdout } = await run('--history', join(dir, 'history'), '--log', join(dir, 'log.jsonl'), '-o', 'json');
  assert.equal(code, 0);
  const verdict = JSON.parse(stdout) as Verdict;
  assert.equal(verdict.holds, true);
  assert.equal(verdict.delivered, 2);
});

test('a history that does not hold: exit 1 and the lost event named', async (t) => {
  const dir = await files(t, []);
  const { code, stdout } = await run('--history', join(dir, 'history'), '--log', join(dir, 'log.jsonl'));
  assert.equal(code, 1);
  assert.match(stdout, /lost: b never got seq 3 of C1/);
});

test('usage: exit 2; what cannot be read: exit 1', async () => {
  assert.equal((await run()).code, 2);
  assert.equal((await run('--nonsense')).code, 2);
  const { code, stderr } = await run('--history', '/nowhere', '--log', '/nowhere');
  assert.equal(code, 1);
  assert.match(stderr, /cannot check: .*nowhere/);
});

test('a torn last line is left out, another bad line is not', async (t) => {
  const dir = await files(t, []);
  const path = join(dir, 'torn.jsonl');
  writeFileSync(path, '{"a":1}\n{"a":');
  assert.deepEqual(await all(readJsonl(path)), [{ a: 1 }]);
  writeFileSync(path, '{"a":1}\n{"a":\n{"a":2}\n');
  await assert.rejects(all(readJsonl(path)), /torn.jsonl:2 is not JSON/);
});

test('the log is dumped with names, members, keys and hashes', async (t) => {
  const dir = await files(t, []);
  const path = join(dir, 'chat.db');
  const db = new DatabaseSync(path);
  db.exec(`CREATE TABLE channel_log (topic_id BIGINT, seq BIGINT, epoch BIGINT, workspace_id BIGINT, ts BIGINT,
    type TEXT, user_id BIGINT, client_key TEXT, payload TEXT)`);
  const insert = db.prepare('INSERT INTO channel_log VALUES (?,?,?,?,?,?,?,?,?)');
  const big = 4_611_686_018_427_387_905n;
  const name = (kind: string, n: bigint): string => kind + n.toString(36).toUpperCase();
  const joined = JSON.stringify({ type: 'member_joined_channel', user: name('U', 5n), channel: name('C', big) });
  insert.run(big, 1n, 2n, 7n, 1_700_000_000_000_001n, 'member_joined_channel', 5n, null, joined);
  insert.run(big, 2n, 2n, 7n, 1_700_000_000_000_002n, 'message', 5n, 'key', '{"type":"message","subtype":"tombstone"}');
  insert.run(7n, 1n, 2n, 7n, 1_700_000_000_000_003n, 'team_join', null, 'k', '{"type":"team_join"}');
  insert.run(
    5n,
    1n,
    2n,
    7n,
    1_700_000_000_000_003n,
    'channel_joined',
    null,
    'k',
    `{"channel":{"id":"${name('C', big)}"}}`,
  );
  db.close();
  assert.equal(await dumpLog(`sqlite:${path}`, join(dir, 'out.jsonl')), 4);
  const rows = (await all(readJsonl<LogRow>(join(dir, 'out.jsonl')))).sort((a, b) => a.topic.localeCompare(b.topic));
  assert.deepEqual(
    rows.map((r) => r.topic),
    [name('C', big), name('C', big), 'T7', 'U5'],
  );
  assert.equal(rows[0]!.ts, '1700000000.000001');
  assert.deepEqual(rows[0]!.member, { user: 'U5', joined: true });
  assert.equal(rows[0]!.hash?.length, 16);
  assert.equal(rows[1]!.client_msg_id, 'key');
  assert.equal(rows[1]!.hash, undefined);
});
