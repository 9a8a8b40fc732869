import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Built, buildHistory, eventOf, historyShape, tsOf } from './history.test-support.ts';
import { HistoryChecker, type HistoryRecord, LogIndex, type LogRow, type Verdict } from './index.ts';

function check(log: readonly LogRow[], clients: ReadonlyMap<string, readonly HistoryRecord[]>): Verdict {
  const index = new LogIndex();
  for (const row of log) index.add(row);
  const checker = new HistoryChecker(index);
  for (const [client, records] of clients) for (const record of records) checker.record(client, record);
  return checker.verdict();
}

/** A channel C1 of workspace T1: u1 and u2 are members, each posts; a foreign channel C2 of T2. */
function small(): { log: LogRow[]; a: HistoryRecord[]; b: HistoryRecord[] } {
  const row = (seq: number, type: string, rest: Partial<LogRow> = {}): LogRow => ({
    topic: 'C1',
    workspace: 'T1',
    seq,
    epoch: 1,
    ts: tsOf(seq),
    type,
    hash: `h${seq}`,
    ...rest,
  });
  const log = [
    row(1, 'channel_created', { user: 'U1' }),
    row(2, 'member_joined_channel', { member: { user: 'U1', joined: true } }),
    row(3, 'member_joined_channel', { member: { user: 'U2', joined: true } }),
    row(4, 'message', { user: 'U1', client_msg_id: 'm4' }),
    row(5, 'message', { user: 'U2', client_msg_id: 'm5' }),
    row(6, 'message', { user: 'U1', client_msg_id: 'm6' }),
    row(7, 'message', { user: 'U1', client_msg_id: 'm7' }),
    { ...row(1, 'channel_created', { user: 'U9' }), topic: 'C2', workspace: 'T2' },
  ];
  const post = (seq: number): HistoryRecord[] => [
    { kind: 'sent', topic: 'C1', client_msg_id: `m${seq}` },
    { kind: 'ack', topic: 'C1', client_msg_id: `m${seq}`, ts: tsOf(seq), seq, via: 'socket' },
  ];
  const event = (seq: number): HistoryRecord => eventOf(log[seq - 1]!);
  const a: HistoryRecord[] = [
    { kind: 'open', client: 'a', workspace: 'T1', user: 'U1' },
    { kind: 'subscribed', topic: 'C1', seq: 3 },
    ...post(4),
    event(5),
    ...post(6),
    ...post(7),
    { kind: 'end', settled: true },
  ];
  const b: HistoryRecord[] = [
    { kind: 'open', client: 'b', workspace: 'T1', user: 'U2' },
    { kind: 'subscribed', topic: 'C1', seq: 3 },
    event(4),
    ...post(5),
    event(6),
    event(7),
    { kind: 'end', settled: true },
  ];
  return { log, a, b };
}

const verdictOf = ({ log, a, b }: ReturnType<typeof small>): Verdict =>
  check(
    log,
    new Map([
      ['a', a],
      ['b', b],
    ]),
  );

/** Exactly one finding, of this kind. */
function assertOnly(verdict: Verdict, kind: keyof Verdict, pattern: RegExp): void {
  assert.equal(verdict.holds, false);
  assert.equal(verdict[kind], 1, JSON.stringify(verdict, null, 1));
  assert.equal(verdict.findings.length, 1, JSON.stringify(verdict.findings, null, 1));
  assert.match(verdict.findings[0]!.message, pattern);
  assert.ok(verdict.findings[0]!.history.length > 0);
}

test('a right history holds, and its figures are counted', () => {
  const verdict = verdictOf(small());
  assert.deepEqual(verdict.findings, []);
  const { holds, clients, sent, acknowledged, delivered } = verdict;
  assert.deepEqual(
    { holds, clients, sent, acknowledged, delivered },
    { holds: true, clients: 2, sent: 4, acknowledged: 4, delivered: 8 },
  );
});

test('one lost event: named with its neighbours', () => {
  const h = small();
  h.b.splice(4 + 1, 1); // seq 6
  const verdict = verdictOf(h);
  assertOnly(verdict, 'lost', /b never got seq 6 of C1/);
  assert.match(verdict.findings[0]!.history.join('\n'), /seq=5.*\n.*seq=6.*\n.*seq=7/);
});

test('one acknowledged and never fanned out, last in its channel', () => {
  const h = small();
  h.b.splice(h.b.length - 2, 1); // seq 7, acknowledged to a
  assertOnly(verdictOf(h), 'lost', /b never got seq 7 of C1/);
});

test('one acknowledged and missing from the log', () => {
  const h = small();
  h.log.splice(6, 1);
  h.b.splice(h.b.length - 2, 1);
  assertOnly(verdictOf(h), 'lost', /a's post m7 was acknowledged as seq 7 .* does not hold it/);
});

test('one doubled', () => {
  const h = small();
  h.b.splice(3, 0, h.b[2]!);
  assertOnly(verdictOf(h), 'duplicated', /b got seq 4 twice/);
});

test('one own post echoed after its ack is doubled', () => {
  const h = small();
  h.a.splice(4, 0, eventOf(h.log[3]!));
  assertOnly(verdictOf(h), 'duplicated', /a got seq 4 twice/);
});

test('one client_msg_id stored twice', () => {
  const h = small();
  h.log[6]!.client_msg_id = 'm6';
  h.a = h.a.map((r) => ('client_msg_id' in r && r.client_msg_id === 'm7' ? { ...r, client_msg_id: 'm6' } : r));
  const verdict = verdictOf(h);
  assert.equal(verdict.duplicated, 2); // in the log, and by two acks
  assert.match(verdict.findings[0]!.message, /client_msg_id m6 was stored twice/);
});

test('one swapped', () => {
  const h = small();
  [h.b[5], h.b[6]] = [h.b[6]!, h.b[5]!];
  assertOnly(verdictOf(h), 'reordered', /b got seq 6 after seq 7/);
});

test('one of another workspace', () => {
  const h = small();
  h.b.splice(3, 0, eventOf(h.log[7]!));
  assertOnly(verdictOf(h), 'foreign', /b is of workspace T1 and got an event of T2: seq 1 of C2/);
});

test('one of a channel that the user never was in', () => {
  const h = small();
  h.log[7]!.workspace = 'T1';
  h.b.splice(3, 0, eventOf(h.log[7]!));
  assertOnly(verdictOf(h), 'foreign', /b is user U2, never a member/);
});

test('one with another payload than the log', () => {
  const h = small();
  h.b[2] = { ...eventOf(h.log[3]!), hash: 'other' };
  const verdict = verdictOf(h);
  assert.equal(verdict.foreign, 1);
  assert.match(verdict.findings.find((f) => f.kind === 'foreign')!.message, /another payload/);
});

test('a tombstoned row is not compared by payload', () => {
  const h = small();
  delete h.log[3]!.hash;
  assert.equal(verdictOf(h).holds, true);
});

/** U2 is kicked at seq 6 and sees it. */
function kicked(): ReturnType<typeof small> {
  const h = small();
  h.log[5] = { ...h.log[5]!, type: 'member_left_channel', member: { user: 'U2', joined: false } };
  delete h.log[5].client_msg_id;
  h.a = h.a.filter((r) => !('client_msg_id' in r && r.client_msg_id === 'm6'));
  h.a.splice(5, 0, eventOf(h.log[5]));
  h.b = [...h.b.slice(0, 5), eventOf(h.log[5]), { kind: 'left', topic: 'C1' }, { kind: 'end', settled: true }];
  return h;
}

test('one after the kick', () => {
  assert.deepEqual(verdictOf(kicked()).findings, []);
  const h = kicked();
  h.b.splice(h.b.length - 1, 0, eventOf(h.log[6]!));
  assertOnly(verdictOf(h), 'after_kick', /b got seq 7 after its membership ended at seq 6/);
});

test('the kick itself is owed, unless the client was away when it came', () => {
  const h = kicked();
  h.b.splice(5, 1);
  assertOnly(verdictOf(h), 'lost', /b never got seq 6/);
  h.b.splice(5, 0, { kind: 'disconnected', code: 4001 }, { kind: 'resumed', replayed: 0 });
  assert.deepEqual(verdictOf(h).findings, []);
});

test('a member that never saw the channel at all', () => {
  const h = small();
  h.b = [h.b[0]!, { kind: 'end', settled: true }];
  const verdict = verdictOf(h);
  assert.equal(verdict.lost, 4);
  assert.equal(h.b.length, 2);
});

test('a view that ended early owes nothing more', () => {
  const h = small();
  h.b = h.b.slice(0, 3);
  assert.deepEqual(verdictOf(h).findings, []);
});

test('the log itself: a gap, a ts that falls, an epoch that falls', () => {
  const gap = small();
  gap.log.splice(4, 1);
  assert.ok(verdictOf(gap).log_broken > 0);
  const ts = small();
  ts.log[4]!.ts = tsOf(3);
  assert.equal(verdictOf(ts).log_broken, 1);
  const epoch = small();
  epoch.log[4]!.epoch = 3;
  const verdict = verdictOf(epoch);
  assert.equal(verdict.log_broken, 1);
  assert.match(verdict.findings[0]!.message, /epoch 1 at seq 6 after epoch 3: a fenced owner wrote/);
});

test('a new session that could not resume owes from its new start only', () => {
  const h = small();
  h.b = [h.b[0]!, h.b[1]!, h.b[2]!, { kind: 'subscribed', topic: 'C1', seq: 6, fresh: true }, h.b[6]!, h.b[7]!];
  assert.deepEqual(verdictOf(h).findings, []);
  h.b[3] = { kind: 'subscribed', topic: 'C1', seq: 6 };
  assert.equal(verdictOf(h).lost, 2);
});

test('property: any right history holds', () => {
  fc.assert(
    fc.property(historyShape, (shape) => {
      const built = buildHistory(shape);
      assert.deepEqual(check(built.log, built.clients).findings, []);
    }),
    { numRuns: 300 },
  );
});

test('property: any one mutation of a right history is found', () => {
  fc.assert(
    fc.property(historyShape, fc.nat(), (shape, pick) => {
      const built = buildHistory(shape);
      const mutations = mutationsOf(built);
      if (mutations.length === 0) return;
      const { name, kinds, apply } = mutations[pick % mutations.length]!;
      apply();
      const verdict = check(built.log, built.clients);
      assert.equal(verdict.holds, false, name);
      assert.ok(
        kinds.some((kind) => verdict[kind] > 0),
        `${name}: ${JSON.stringify(verdict)}`,
      );
    }),
    { numRuns: 1500 },
  );
});

interface Mutation {
  name: string;
  kinds: (keyof Verdict & ('lost' | 'duplicated' | 'reordered' | 'foreign' | 'after_kick' | 'log_broken'))[];
  apply(): void;
}

/** Every way to spoil one event of this history. */
function mutationsOf({ log, clients }: Built): Mutation[] {
  const out: Mutation[] = [];
  for (const [client, records] of clients) {
    const events = records.flatMap((r, i) => (r.kind === 'event' ? [{ r, i }] : []));
    const first = records[0]!;
    assert.ok(first.kind === 'open');
    for (const { r, i } of events) {
      const row = log.find((l) => l.topic === r.topic && l.seq === r.seq)!;
      out.push(
        { name: `${client}: double ${i}`, kinds: ['duplicated'], apply: () => records.splice(i, 0, r) },
        { name: `${client}: payload ${i}`, kinds: ['foreign'], apply: () => Object.assign(r, { hash: 'other' }) },
        {
          name: `log: remove ${row.seq}`,
          kinds: ['log_broken', 'foreign', 'lost'],
          apply: () => log.splice(log.indexOf(row), 1),
        },
      );
      // A kick that comes while the client is away may be missed, and who can tell afterwards?
      if (row.member?.user !== first.user)
        out.push({ name: `${client}: drop ${i}`, kinds: ['lost'], apply: () => records.splice(i, 1) });
      const after = events.find((e) => e.i > i && e.r.topic === r.topic);
      if (after !== undefined)
        out.push({
          name: `${client}: swap ${i} ${after.i}`,
          kinds: ['reordered'],
          apply: () => {
            records[i] = after.r;
            records[after.i] = r;
          },
        });
    }
    const foreign = log.find((l) => l.workspace !== first.workspace);
    if (foreign !== undefined)
      out.push({ name: `${client}: foreign`, kinds: ['foreign'], apply: () => records.splice(1, 0, eventOf(foreign)) });
    const kick = log.find((l) => l.member?.user === first.user && !l.member.joined);
    const late = kick && log.find((l) => l.topic === kick.topic && l.seq > kick.seq);
    if (late !== undefined)
      out.push({
        name: `${client}: after kick`,
        kinds: ['after_kick', 'reordered', 'duplicated'], // the latter two when the user was let in again
        apply: () => records.splice(records.length - 1, 0, eventOf(late)),
      });
    for (const [i, r] of records.entries())
      if (r.kind === 'ack')
        out.push({
          name: `${client}: ack of another seq ${i}`,
          kinds: ['lost'],
          apply: () => {
            records[i] = { ...r, ts: '1.000000' };
          },
        });
  }
  return out;
}
