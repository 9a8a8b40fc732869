import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Bench, CHANNEL, ME, message, seqs, watched } from './client.test-support.ts';

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

  it('one that no frame can hold is refused by itself, and the next is sent', async () => {
    const { bench } = watched();
    await bench.start();
    await assert.rejects(bench.client.post(CHANNEL, '漢'.repeat(22_000)), { code: 'frame_too_large' });
    const post = bench.client.post(CHANNEL, 'small');
    acked(bench, 0, 1);
    assert.equal((await post).seq, 1);
  });

  it('acknowledged while its event waits for a place that is being read: the event is the delivery', async () => {
    const { bench, seen, records } = watched();
    bench.methods['conversations.history'] = () => ({ ok: true, messages: [message(1)], has_more: false });
    await bench.start();
    const post = bench.client.post(CHANNEL, 'mine', { clientMsgId: 'k' });
    bench.socket.send({ type: 'gap', channel: CHANNEL, oldest_seq: 0, latest_seq: 1 });
    bench.message(2, { user: ME, client_msg_id: 'k' });
    acked(bench, 0, 2);
    assert.equal((await post).seq, 2);
    await bench.clock.pass(100);
    assert.deepEqual(seqs(seen), [1, 2]);
    const told = records.flatMap((r) => ('seq' in r && r.topic === CHANNEL ? [[r.kind, r.seq]] : []));
    assert.deepEqual(told.slice(-3), [
      ['ack', 2],
      ['event', 1],
      ['event', 2],
    ]);
    assert.partialDeepStrictEqual(
      records.find((r) => r.kind === 'ack'),
      { via: 'http' },
    );
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
