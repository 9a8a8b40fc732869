/** What bad clients send, over real sockets: a code for each, and nobody else touched. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { topicId } from '../../cells/contract/ids.ts';
import { systemClock } from '../../cells/contract/system-clock.ts';
import { ACME } from '../auth/auth.test-support.ts';
import { ALICE, BOB, CAROL, EVE, GENERAL, type RawClient, Rig, until } from './gateway.test-support.ts';

let rig: Rig;
let alice: RawClient;
beforeEach(async () => {
  rig = new Rig();
  await rig.start();
  alice = await rig.raw(`ticket=${rig.ticket(ALICE)}`).opened();
  await alice.type('boot');
});
afterEach(async () => {
  alice.send({ id: 'still here', type: 'ping' });
  await alice.frame((f) => f.reply_to === 'still here');
  await rig.close();
});

const ready = async (user = BOB): Promise<RawClient> => {
  const raw = await rig.raw(`ticket=${rig.ticket(user)}`).opened();
  await raw.type('boot');
  return raw;
};

/** Sends the frame until the socket is closed; resolves with the code. */
async function flood(raw: RawClient, frame: object): Promise<number> {
  let code: number | undefined;
  void raw.ended.then((ended) => {
    code = ended;
  });
  return until(() => {
    for (let id = 1; code === undefined && id <= 500; id++) raw.send({ id, ...frame });
    return code;
  }, 'the flood is ended');
}

describe('before the upgrade', () => {
  it('refuses a bad ticket, a foreign page and another path', async () => {
    assert.equal(await rig.raw('ticket=rubbish').ended, 401);
    assert.equal(await rig.raw(`ticket=${rig.ticket(BOB)}`, { headers: { origin: 'https://evil.test' } }).ended, 403);
    assert.equal(await rig.raw('nothing=1').ended, 404);
  });

  it('takes a ticket once', async () => {
    const ticket = rig.ticket(BOB);
    await (await rig.raw(`ticket=${ticket}`).opened()).type('boot');
    const again = await rig.raw(`ticket=${ticket}`).opened();
    assert.equal(await again.ended, 4000);
    assert.partialDeepStrictEqual(again.frames, [{ error: { code: 'ticket_invalid' } }]);
  });

  it('keeps no more sockets that ask for nothing than wait in its queue', async () => {
    const gateway = await rig.start({ admission: { inFlight: 1, queued: 2 } });
    const idle = Array.from({ length: 3 }, () => rig.raw('resume=1', { index: 1 }));
    await Promise.all(idle.map((raw) => raw.opened()));
    assert.equal(await rig.raw('resume=1', { index: 1 }).ended, 503);
    idle[0]!.socket.terminate();
    await until(() => gateway.refusal({ ticket: undefined, boot: true, traceparent: undefined }) === undefined);
    await rig.raw('resume=1', { index: 1 }).opened();
  });

  it('lets others in while somebody does not read what it resumes', async () => {
    const { resume_token: token } = await (await rig.raw(`ticket=${rig.ticket(BOB)}`).opened()).type('hello');
    const since = rig.owners.head(GENERAL);
    for (let n = 1; n <= 60; n++) {
      rig.owners.post(GENERAL, ALICE, 'x'.repeat(400_000));
      await until(() => alice.frames.filter((f) => f.text !== undefined).length === n);
    }
    // A hundred times as fast, so that its patience is soon over.
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() * 100 };
    await rig.start({ clock, heartbeatMs: 3_600_000, admission: { inFlight: 1, queued: 10 } });
    const stuck = await rig.raw('resume=1', { index: 1 }).opened();
    stuck.send({ type: 'resume', token, topics: { [GENERAL]: since } });
    await stuck.type('hello');
    stuck.socket.pause();
    const other = await rig.raw(`ticket=${rig.ticket(CAROL)}`, { index: 1 }).opened();
    await other.type('boot');
    stuck.socket.resume();
    assert.equal(await stuck.ended, 4002);
  });

  it('destroys the socket of a refused upgrade, whose other end may stay open', async () => {
    const { hostname, port } = new URL(rig.url());
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    socket.on('error', () => {});
    const request = ['GET /nowhere HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket'];
    const key = ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='];
    socket.write(`${[...request, ...key].join('\r\n')}\r\n\r\n`);
    socket.resume();
    await once(socket, 'end');
    // Written to, a socket that is gone answers with a reset.
    const gone = new Promise((resolve) => socket.once('close', resolve));
    const knock = setInterval(() => socket.write('x'), 10);
    await gone;
    clearInterval(knock);
  });

  it('cuts who sends its headers slowly', async () => {
    const socket = connect(Number(new URL(rig.url()).port), '127.0.0.1');
    socket.write('GET /ws HTTP/1.1\r\nHost: x\r\n');
    socket.resume();
    await once(socket, 'close');
  });
});

describe('frames', () => {
  it('answers a bad frame, and closes after some', async () => {
    const bob = await ready();
    bob.send('{nonsense');
    assert.partialDeepStrictEqual(await bob.type('error'), { error: { code: 'bad_frame' } });
    bob.socket.send(Buffer.from('{"type":"ping"}'), { binary: true });
    bob.send('[]');
    bob.send({ id: 3, type: 'unknown' });
    assert.partialDeepStrictEqual(await bob.frame((f) => f.reply_to === 3), {
      ok: false,
      error: { code: 'bad_frame' },
    });
    bob.send({ type: 'resume', token: 'x' });
    assert.equal(await bob.ended, 4502);
  });

  it('closes on one too large, and on a flood of fragments', async () => {
    const bob = await ready();
    bob.send('x'.repeat(64 * 1024 + 1));
    assert.equal(await bob.ended, 4503);
    const eve = await ready(EVE);
    for (let i = 0; i < 200; i++) eve.socket.send('x', { fin: false });
    assert.equal(await eve.ended, 4502);
  });

  it('answers mistakes in a post without closing', async () => {
    const bob = await ready();
    const cases: [Record<string, unknown>, string][] = [
      [{ channel: GENERAL, text: '' }, 'no_text'],
      [{ channel: GENERAL, text: 'x'.repeat(40_001) }, 'msg_too_long'],
      [{ channel: 'C999', text: 'x' }, 'channel_not_found'],
    ];
    for (const [id, [post, code]] of cases.entries()) {
      bob.send({ id, type: 'message', ...post });
      assert.partialDeepStrictEqual(await bob.frame((f) => f.reply_to === id), { ok: false, error: { code } });
    }
  });

  it('limits posts, and ends who does not listen', async () => {
    const bob = await ready();
    assert.equal(await flood(bob, { type: 'message', channel: GENERAL, text: 'x' }), 4504);
    assert.ok(bob.frames.some((f) => (f.error as { code?: string } | undefined)?.code === 'rate_limited_socket'));
  });

  it('ends who floods it with anything else', async () => {
    assert.equal(await flood(await ready(), { type: 'typing' }), 4504);
    assert.equal(await flood(await ready(EVE), { type: 'ping' }), 4504);
  });

  it('wants a resume frame first where it was announced', async () => {
    const raw = await rig.raw('resume=1').opened();
    raw.send({ type: 'ping' });
    assert.equal(await raw.ended, 4502);
  });

  it('keeps no list of topics for who has no token', async () => {
    const raw = await rig.raw('resume=1').opened();
    raw.send({ type: 'resume', token: 'rubbish', topics: { [GENERAL]: 1 }, more: true });
    assert.equal(await raw.ended, 4000);
    assert.partialDeepStrictEqual(raw.frames, [{ error: { code: 'resume_invalid' } }]);
  });
});

it('a resume with thousands of topics that its user is not in asks the owners for some of them only', async () => {
  let asked = 0;
  await rig.start({
    owners: (listener) => {
      const client = rig.owners.client(listener);
      const { subscriptions } = client;
      return {
        ...client,
        call: (call) => client.call(call),
        subscriptions: {
          add: (...args) => {
            asked++;
            return subscriptions.add(...args);
          },
          remove: (...args) => subscriptions.remove(...args),
        },
      };
    },
  });
  const token = rig.tokens.issueResume({ workspace: ACME, user: BOB, roles: ['member'] }, 'session');
  const foreign = Array.from({ length: 3_000 }, (_, i) => topicId('C', BigInt(900_000 + i)));
  const raw = await rig.raw('resume=1', { index: 1 }).opened();
  raw.send({ type: 'resume', token, topics: Object.fromEntries(foreign.map((topic) => [topic, 1])) });
  await raw.type('resumed');
  const left = raw.frames.filter((f) => f.type === 'channel_left').map((f) => f.channel);
  assert.deepEqual(new Set(left), new Set(foreign));
  assert.ok(asked > 1_000 && asked < 1_100, `${asked} topics were asked for`);
});

it('who asks for pongs and does not read them is cut', async () => {
  const bob = await ready();
  (bob.socket as unknown as { _socket: Socket })._socket.pause();
  const payload = Buffer.alloc(125);
  await until(() => {
    for (let i = 0; i < 2_000; i++) bob.socket.ping(payload);
    return rig.gateways[0]!.gateway.sessionCount === 1;
  }, 'the session is gone');
});

it('a reader that has stopped is cut, and costs nobody else', async () => {
  const bob = await ready();
  (bob.socket as unknown as { _socket: Socket })._socket.pause();
  const text = 'x'.repeat(30_000);
  let posted = 0;
  await until(() => {
    for (let i = 0; i < 20; i++, posted++) rig.owners.post(GENERAL, EVE, text);
    return rig.gateways[0]!.gateway.sessionCount === 1;
  }, 'the slow session is gone');
  await until(() => alice.frames.filter((f) => f.type === 'message').length === posted, 'alice has everything');
});
