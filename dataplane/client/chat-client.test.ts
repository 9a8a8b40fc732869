import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Bench, CHANNEL, ME, seqs, TEAM, watched } from './client.test-support.ts';

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
      assert.equal(bench.socket.url, code === 4001 ? 'ws://b/ws?resume=1' : 'ws://a/ws?resume=1');
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
