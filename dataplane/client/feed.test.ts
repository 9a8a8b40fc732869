import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bench, CHANNEL, type Frame, ME, message, seqs, TEAM, watched } from './client.test-support.ts';

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

  it('the ack of a post is no place in a channel that was left: a new membership begins with its own event', async () => {
    const { bench, seen, records } = watched();
    await bench.start();
    const other = (seq: number, type = 'message', user = 'U8'): void => bench.message(seq, { type, user });
    other(1, 'member_left_channel', ME);
    const posted = bench.client.post(CHANNEL, 'in good faith');
    const [{ id }] = bench.socket.frames('message') as [{ id: number }];
    bench.socket.send({ ok: true, reply_to: id, ts: '5.0', seq: 5 });
    await posted;
    assert.partialDeepStrictEqual(records.at(-1), { kind: 'ack', seq: 5, via: 'http' });
    other(3, 'member_joined_channel', ME);
    for (const seq of [4, 5, 6]) other(seq);
    assert.deepEqual(seqs(seen), [1, 3, 4, 5, 6]);
    assert.equal(bench.client.state, 'ready');
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
