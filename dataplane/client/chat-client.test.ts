import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, CHANNEL, type Frame, ME, message, TEAM } from './client.test-support.ts';
import type { HistoryRecord } from './history/index.ts';
import type { ClientEvent } from './index.ts';

const watched = (): { seen: ClientEvent[]; records: HistoryRecord[]; bench: Bench } => {
  const seen: ClientEvent[] = [];
  const records: HistoryRecord[] = [];
  return { seen, records, bench: new Bench({ onEvent: (e) => seen.push(e), record: (r) => records.push(r) }) };
};
const seqs = (seen: readonly ClientEvent[]): unknown[] => seen.filter((e) => e.topic === CHANNEL).map((e) => e.seq);

describe('connecting', () => {
  it('asks rtm.connect, opens the ticket URL, is ready with the boot state', async () => {
    const { bench } = watched();
    const connected = bench.client.connect();
    await bench.clock.pass(0);
    assert.equal(bench.socket.url, 'ws://edge-of-ticket/ws?ticket=t');
    bench.greet();
    assert.equal(bench.client.state, 'connecting');
    bench.boot(7);
    await connected;
    assert.equal(bench.client.state, 'ready');
    assert.equal(bench.client.userId, ME);
    assert.equal(bench.client.positions.get(CHANNEL), 7);
  });

  it('backs off from 1 s, doubling, and goes round the edges', async () => {
    const { bench } = watched();
    const at: number[] = [];
    bench.methods['rtm.connect'] = () => {
      at.push(bench.clock.monotonicMs());
      return { httpStatus: 503 };
    };
    void bench.client.connect();
    while (at.length < 6) await bench.clock.pass(100);
    assert.deepEqual(
      bench.requests.map((r) => new URL(r.url).host),
      ['a', 'b', 'a', 'b', 'a', 'b'],
    );
    for (const [n, plain] of [1_000, 2_000, 4_000, 8_000, 16_000].entries()) {
      const waited = at[n + 1]! - at[n]!;
      assert.ok(waited >= plain && waited <= plain * 1.5, `${n}: ${waited}`);
    }
  });

  it('stops when the token is refused', async () => {
    const { bench } = watched();
    bench.methods['rtm.connect'] = () => ({ ok: false, error: 'invalid_auth' });
    await assert.rejects(bench.client.connect(), { code: 'invalid_auth' });
    assert.equal(bench.client.state, 'stopped');
    await assert.rejects(bench.client.post(CHANNEL, 'x'), { code: 'service_unavailable' });
  });

  it('a first session that was cut before its state is begun anew, not resumed', async () => {
    const { bench } = watched();
    void bench.client.connect();
    await bench.clock.pass(0);
    bench.greet();
    bench.socket.close(1006);
    await bench.clock.pass(2_000);
    assert.equal(bench.requests.length, 2);
    assert.match(bench.socket.url, /ticket=/);
  });

  it('closed is closed', async () => {
    const { bench } = watched();
    await bench.start();
    const open = bench.client.post(CHANNEL, 'x');
    bench.client.close();
    bench.client.close();
    await assert.rejects(open, { code: 'service_unavailable' });
    assert.equal(bench.socket.closedWith, 1000);
    await bench.clock.pass(120_000);
    assert.equal(bench.sockets.length, 1);
    const never = new Bench();
    never.client.close();
    await assert.rejects(never.client.connect(), { code: 'service_unavailable' });
    assert.equal(never.requests.length, 0);
  });
});

describe('coming back', () => {
  it('resumes after any close below 4500, with the token in a frame and the last seqs', async () => {
    for (const code of [1006, 1001, 1011, 4000, 4001, 4002, 4003, 4499]) {
      const { bench, records } = watched();
      await bench.start(3);
      bench.message(4);
      bench.socket.close(code);
      assert.equal(bench.client.state, 'waiting');
      await bench.clock.pass(1_500);
      assert.equal(bench.socket.url, 'ws://a/ws?resume=1');
      bench.greet('second');
      assert.deepEqual(bench.socket.got, [
        { type: 'resume', token: 'resume-1', topics: { [ME]: 1, [TEAM]: 1, [CHANNEL]: 4 } },
      ]);
      bench.message(5);
      bench.socket.send({ type: 'resumed', replayed: 1 });
      assert.equal(bench.client.state, 'ready');
      assert.equal(bench.client.stats.resumes, 1);
      assert.deepEqual(
        records.slice(-3).map((r) => r.kind),
        ['disconnected', 'event', 'resumed'],
      );
    }
  });

  it('stops at 4500 and above', async () => {
    for (const [code, error] of [
      [4500, 'invalid_auth'],
      [4501, 'team_access_not_granted'],
      [4502, 'bad_frame'],
      [4504, 'rate_limited_socket'],
    ] as const) {
      const { bench } = watched();
      await bench.start();
      const open = bench.client.post(CHANNEL, 'x');
      bench.socket.close(code);
      await assert.rejects(open, { code: error });
      await bench.clock.pass(120_000);
      assert.equal(bench.sockets.length, 1);
    }
  });

  it('a goodbye: waits the time that it names, sends no further posts, uses its token', async () => {
    const { bench } = watched();
    await bench.start();
    bench.socket.send({ type: 'goodbye', reason: 'drain', reconnect_in_ms: 170, resume_token: 'of-goodbye' });
    const post = bench.client.post(CHANNEL, 'later');
    assert.equal(bench.socket.frames('message').length, 0);
    bench.socket.close(4001);
    await bench.clock.pass(169);
    assert.equal(bench.sockets.length, 1);
    await bench.clock.pass(1);
    assert.equal(bench.sockets.length, 2);
    bench.greet();
    assert.equal(bench.socket.frames('resume')[0]?.token, 'of-goodbye');
    bench.socket.send({ type: 'resumed', replayed: 0 });
    const [sent] = bench.socket.frames('message');
    bench.socket.send({ ok: true, reply_to: sent?.id, ts: '1.000000', seq: 1 });
    assert.equal((await post).seq, 1);
  });

  it('a goodbye that no close follows', async () => {
    const { bench } = watched();
    await bench.start();
    bench.socket.send({ type: 'goodbye', reason: 'refresh', reconnect_in_ms: 0 });
    await bench.clock.pass(5_000);
    assert.equal(bench.sockets.length, 2);
  });

  it('pings; without a pong in time it gives the socket up', async () => {
    const { bench } = watched();
    const first = await bench.start();
    first.onFrame = (frame) => first.send({ type: 'pong', reply_to: frame.id });
    await bench.clock.pass(60_000);
    assert.equal(bench.client.state, 'ready');
    assert.ok(first.frames('ping').length >= 2);
    first.onFrame = () => undefined;
    await bench.clock.pass(17_000);
    assert.equal(first.closedWith, 4003);
    assert.equal(bench.sockets.length, 2);
  });

  it('a session that is not ready in time is given up, a long replay is not', async () => {
    const { bench } = watched();
    await bench.start();
    bench.socket.close(1006);
    await bench.clock.pass(1_500);
    bench.greet();
    bench.socket.onFrame = (frame) => frame.type === 'ping' && bench.socket.send({ type: 'pong', reply_to: 0 });
    for (let seq = 1; seq <= 10; seq++) {
      bench.message(seq);
      await bench.clock.pass(5_000);
    }
    assert.equal(bench.sockets.length, 2);
    bench.socket.onFrame = () => undefined;
    await bench.clock.pass(25_000);
    assert.equal(bench.sockets.length, 3);
  });

  it('many topics go in several frames', async () => {
    const { bench } = watched();
    await bench.start();
    bench.socket.close(1006);
    await bench.clock.pass(1_500);
    bench.greet();
    for (let n = 0; n < 2_500; n++) bench.socket.send({ type: 'x', topic: `C1${n}`, seq: 1 });
    bench.socket.close(1006);
    await bench.clock.pass(3_000);
    bench.greet();
    const frames = bench.socket.frames('resume');
    assert.deepEqual(
      frames.map((f) => f.more),
      [true, true, undefined],
    );
    assert.equal(Object.keys(Object.assign({}, ...frames.map((f) => f.topics))).length, 2_503);
    for (const frame of frames) assert.ok(JSON.stringify(frame).length < 64 * 1024);
  });

  it('what an old socket says late is not heard', async () => {
    const { bench, seen } = watched();
    const first = await bench.start();
    await bench.clock.pass(17_000);
    assert.equal(first.closedWith, 4003);
    bench.greet();
    bench.socket.send({ type: 'resumed', replayed: 0 });
    first.closedLate(4500);
    assert.equal(bench.client.state, 'ready');
    bench.message(1);
    assert.deepEqual(seqs(seen), [1]);
  });

  it('what is no JSON object ends the connection, not the process', async () => {
    for (const text of ['{', '3', 'null']) {
      const { bench } = watched();
      await bench.start();
      bench.socket.send(text);
      assert.equal(bench.client.state, 'waiting');
    }
  });
});

describe('when the past cannot be resumed', () => {
  const comeBackFresh = async (bench: Bench, head: number): Promise<void> => {
    bench.socket.close(1006);
    await bench.clock.pass(1_500);
    bench.socket.open();
    bench.socket.send({ type: 'error', error: { code: 'resume_invalid' } });
    bench.socket.close(4000);
    await bench.clock.pass(3_000);
    assert.match(bench.socket.url, /ticket=/);
    bench.greet();
    bench.boot(head);
  };

  it('reads the messages between from the history, before what comes since', async () => {
    const { bench, seen, records } = watched();
    bench.methods['conversations.history'] = ({ cursor }) =>
      cursor === undefined
        ? {
            ok: true,
            messages: [message(9), message(8)],
            has_more: true,
            response_metadata: { next_cursor: 'older' },
          }
        : {
            ok: true,
            messages: [message(6), message(5), message(4)],
            has_more: true,
            response_metadata: { next_cursor: 'x' },
          };
    await bench.start(3);
    bench.message(4);
    await comeBackFresh(bench, 8);
    bench.message(9);
    assert.deepEqual(seqs(seen), [4]);
    await bench.clock.pass(1_000);
    assert.deepEqual(seqs(seen), [4, 5, 6, 8, 9]);
    assert.equal(bench.requests.filter((r) => r.url.endsWith('history')).length, 2, 'stops at what is known');
    assert.equal(bench.client.stats.reconnects, 1);
    assert.equal(bench.client.stats.gaps, 1);
    const from = records.findIndex((r) => r.kind === 'disconnected');
    assert.deepEqual(
      records.slice(from).flatMap((r) => ('topic' in r && r.topic === CHANNEL && 'seq' in r ? [[r.kind, r.seq]] : [])),
      [
        ['event', 5],
        ['event', 6],
        ['subscribed', 7],
        ['event', 8],
        ['event', 9],
      ],
    );
  });

  it('lost again while it reads: what the application has is where the next session begins', async () => {
    const { bench, seen } = watched();
    const page = Promise.withResolvers<Frame>();
    bench.methods['conversations.history'] = () => page.promise;
    await bench.start(3);
    await comeBackFresh(bench, 6);
    bench.message(7);
    await bench.clock.pass(0);
    bench.socket.close(1006);
    await bench.clock.pass(1_500);
    bench.greet();
    assert.partialDeepStrictEqual(bench.socket.frames('resume'), [{ topics: { [CHANNEL]: 3 } }]);
    page.resolve({ ok: true, messages: [message(6)], has_more: false });
    await bench.clock.pass(0);
    for (const seq of [4, 5, 6, 7]) bench.message(seq);
    assert.deepEqual(seqs(seen), [4, 5, 6, 7]);
  });

  it('a history that cannot be read now: comes back, and the gap is there again', async () => {
    const { bench, seen } = watched();
    bench.methods['conversations.history'] = () => ({ httpStatus: 503 });
    await bench.start(3);
    await comeBackFresh(bench, 6);
    const { length } = bench.sockets;
    while (bench.sockets.length === length) await bench.clock.pass(1_000);
    bench.greet();
    assert.partialDeepStrictEqual(bench.socket.frames('resume'), [{ topics: { [CHANNEL]: 3 } }]);
    for (const seq of [4, 5, 6]) bench.message(seq);
    assert.deepEqual(seqs(seen), [4, 5, 6]);
  });

  it('what the history has beyond the gap is left to come as an event', async () => {
    const { bench, seen } = watched();
    const messages = [message(8), message(7), message(6), message(5), message(4)];
    bench.methods['conversations.history'] = () => ({ ok: true, messages, has_more: false });
    await bench.start(3);
    await comeBackFresh(bench, 6);
    await bench.clock.pass(0);
    bench.message(7);
    assert.deepEqual(seqs(seen), [4, 5, 6, 7]);
    assert.equal(seen.at(-1)?.source, 'live');
    assert.equal(bench.client.stats.rawDuplicates, 0);
  });

  it('a channel that may not be read any more is passed over', async () => {
    const { bench, seen } = watched();
    bench.methods['conversations.history'] = () => ({ ok: false, error: 'not_in_channel' });
    await bench.start(3);
    await comeBackFresh(bench, 6);
    await bench.clock.pass(0);
    bench.message(7);
    assert.deepEqual(seqs(seen), [7]);
    assert.equal(bench.client.state, 'ready');
  });

  it('a topic that the new session lacks has been left', async () => {
    const { bench, records } = watched();
    await bench.start(3);
    bench.socket.send({ type: 'x', topic: 'C77', seq: 5 });
    await comeBackFresh(bench, 3);
    assert.ok(records.some((r) => r.kind === 'left' && r.topic === 'C77'));
    assert.equal(bench.client.positions.has('C77'), false);
  });
});

describe('topics', () => {
  it('joined, left, joined again', async () => {
    const { bench, seen, records } = watched();
    await bench.start();
    const other = (seq: number, type = 'message', user = 'U8'): void =>
      bench.socket.send({ type, channel: 'C77', user, seq, ts: `${seq}.0` });
    other(5, 'member_joined_channel', ME);
    other(6);
    assert.ok(records.some((r) => r.kind === 'subscribed' && r.topic === 'C77' && r.seq === 4));
    other(7, 'member_left_channel', ME);
    bench.socket.send({ type: 'channel_left', channel: 'C77', topic: ME, seq: 2 });
    other(20, 'member_joined_channel', ME);
    other(21);
    assert.deepEqual(
      seen.filter((e) => e.topic === 'C77').map((e) => e.seq),
      [5, 6, 7, 20, 21],
    );
    assert.equal(bench.client.state, 'ready');
    bench.socket.send({ type: 'channel_left', channel: 'C77' });
    assert.deepEqual(records.at(-1), { kind: 'left', topic: 'C77' });
    assert.equal(bench.client.positions.has('C77'), false);
  });

  it('a gap of a topic without a history is told once, and passed over', async () => {
    const { bench, seen } = watched();
    await bench.start();
    bench.socket.send({ type: 'gap', channel: TEAM, oldest: '0', latest: '', oldest_seq: 1, latest_seq: 2_000 });
    bench.socket.send({ type: 'team_join', topic: TEAM, seq: 2_001 });
    await bench.clock.pass(5_000);
    assert.deepEqual(
      seen.slice(1).map((e) => e.type),
      ['gap', 'team_join'],
    );
    assert.equal(bench.client.state, 'ready');
  });

  it('an event that is missing makes it resume; repeats are dropped', async () => {
    const { bench, seen } = watched();
    await bench.start();
    bench.message(1);
    bench.message(1);
    assert.equal(bench.client.stats.rawDuplicates, 1);
    bench.message(3);
    assert.equal(bench.client.state, 'waiting');
    await bench.clock.pass(1_500);
    bench.greet();
    for (const seq of [2, 3]) bench.message(seq);
    bench.socket.send({ type: 'resumed', replayed: 2 });
    assert.deepEqual(seqs(seen), [1, 2, 3]);
  });
});

describe('posts', () => {
  const acked = (bench: Bench, n: number, seq: number): void =>
    bench.socket.send({ ok: true, reply_to: bench.socket.frames('message')[n]?.id, ts: `${seq}.000000`, seq });

  it('the ack is the delivery, in its place among the events', async () => {
    const { bench, seen, records } = watched();
    await bench.start();
    const post = bench.client.post(CHANNEL, 'mine', { clientMsgId: 'k' });
    bench.message(1);
    acked(bench, 0, 2);
    bench.message(3);
    assert.deepEqual(await post, { ts: '2.000000', seq: 2, clientMsgId: 'k' });
    assert.deepEqual(
      seen.slice(1).map((e) => [e.seq, e.source]),
      [
        [1, 'live'],
        [2, 'own'],
        [3, 'live'],
      ],
    );
    assert.deepEqual(
      records.filter((r) => r.kind === 'sent' || r.kind === 'ack'),
      [
        { kind: 'sent', topic: CHANNEL, client_msg_id: 'k' },
        { kind: 'ack', topic: CHANNEL, client_msg_id: 'k', ts: '2.000000', seq: 2, via: 'socket' },
      ],
    );
  });

  it('an ack above something that never came makes it resume', async () => {
    const { bench, seen } = watched();
    await bench.start();
    const post = bench.client.post(CHANNEL, 'mine', { clientMsgId: 'k' });
    acked(bench, 0, 2);
    assert.equal((await post).seq, 2);
    assert.equal(bench.client.state, 'waiting');
    await bench.clock.pass(1_500);
    bench.greet();
    bench.message(1);
    bench.message(2, { user: ME, client_msg_id: 'k' });
    assert.deepEqual(seqs(seen), [1, 2]);
  });

  it('are sent again under their key after a reconnect, in order; a replayed own post is not delivered twice', async () => {
    const { bench, seen } = watched();
    await bench.start();
    const posts = ['a', 'b', 'c'].map((k) => bench.client.post(CHANNEL, k, { clientMsgId: k }));
    assert.deepEqual(
      bench.socket.frames('message').map((f) => f.client_msg_id),
      ['a'],
      'one at a time per channel',
    );
    bench.socket.close(1006);
    await bench.clock.pass(1_500);
    bench.greet();
    bench.message(1, { user: ME, client_msg_id: 'a' });
    bench.socket.send({ type: 'resumed', replayed: 1 });
    for (const n of [0, 1, 2]) acked(bench, n, n + 1);
    assert.deepEqual(
      (await Promise.all(posts)).map((p) => p.seq),
      [1, 2, 3],
    );
    assert.deepEqual(
      bench.socket.frames('message').map((f) => f.client_msg_id),
      ['a', 'b', 'c'],
    );
    assert.deepEqual(seqs(seen), [1, 2, 3]);
  });

  it('a refusal that may pass keeps the place; one that may not gives it up', async () => {
    const { bench } = watched();
    await bench.start();
    const [first, second] = [bench.client.post(CHANNEL, 'a'), bench.client.post(CHANNEL, 'b')];
    const refuse = (n: number, code: string): void =>
      bench.socket.send({ ok: false, reply_to: bench.socket.frames('message')[n]?.id, error: { code } });
    refuse(0, 'not_ready');
    await bench.clock.pass(200);
    assert.deepEqual(
      bench.socket.frames('message').map((f) => f.text),
      ['a', 'a'],
    );
    refuse(1, 'not_in_channel');
    await assert.rejects(first, { code: 'not_in_channel' });
    acked(bench, 2, 1);
    assert.equal((await second).seq, 1);
  });

  it('acknowledged while its place is being read: delivered as the own post that it is', async () => {
    const { bench, records } = watched();
    bench.methods['conversations.history'] = () => ({ ok: true, messages: [message(2), message(1)], has_more: false });
    await bench.start();
    void bench.client.post(CHANNEL, 'mine', { clientMsgId: 'k' });
    bench.socket.send({ type: 'gap', channel: CHANNEL, oldest: '0', latest: '2.0', oldest_seq: 0, latest_seq: 2 });
    acked(bench, 0, 2);
    await bench.clock.pass(0);
    assert.deepEqual(
      records.slice(-2).map((r) => r.kind),
      ['event', 'ack'],
    );
    assert.equal(bench.client.positions.get(CHANNEL), 2);
  });

  it('to a channel that is not followed yet: acknowledged, and the event still comes', async () => {
    const { bench, seen, records } = watched();
    await bench.start();
    const post = bench.client.post('C77', 'early', { clientMsgId: 'k' });
    acked(bench, 0, 6);
    assert.equal((await post).seq, 6);
    assert.partialDeepStrictEqual(records.at(-1), { kind: 'ack', via: 'http' });
    bench.socket.send({ type: 'member_joined_channel', channel: 'C77', user: ME, seq: 5, ts: '5.0' });
    bench.socket.send({ type: 'message', channel: 'C77', user: ME, seq: 6, ts: '6.0', client_msg_id: 'k' });
    assert.deepEqual(
      seen.filter((e) => e.topic === 'C77').map((e) => e.seq),
      [5, 6],
    );
  });
});
