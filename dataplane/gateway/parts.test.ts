import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { userId } from '../../cells/contract/ids.ts';
import { Admission } from './admission.ts';
import { parseClientFrame } from './client-frame.ts';
import { LiveEvent } from './live-event.ts';
import { originAllowed } from './origin.ts';
import { encodeTextFrame } from './out-frame.ts';
import { visibleTo } from './replay.ts';
import { TokenBucket } from './token-bucket.ts';

const parse = (value: unknown) =>
  parseClientFrame(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), false);

describe('client frames', () => {
  it('never throws, whatever comes', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => typeof parse(text).type === 'string'));
    fc.assert(
      fc.property(fc.constantFrom('message', 'typing', 'resume', 'presence_sub', 'ping'), fc.object(), (type, rest) => {
        parse({ ...rest, type });
      }),
    );
    assert.equal(parse('['.repeat(60_000)).type, 'fault');
    assert.partialDeepStrictEqual(parseClientFrame(Buffer.from('{}'), true), { code: 'bad_frame', malformed: true });
  });

  it('names what is wrong with a post', () => {
    const post = { id: 7, type: 'message', channel: 'C1', text: 'hi' };
    assert.partialDeepStrictEqual(parse(post), { type: 'message', id: 7, channel: 'C1', text: 'hi' });
    for (const [over, code] of [
      [{ channel: 'nope' }, 'channel_not_found'],
      [{ channel: 'T1' }, 'channel_not_found'],
      [{ text: '' }, 'no_text'],
      [{ text: 'x'.repeat(40_001) }, 'msg_too_long'],
      [{ client_msg_id: '~internal' }, 'bad_frame'],
      [{ client_msg_id: 'x'.repeat(65) }, 'bad_frame'],
    ] as const)
      assert.partialDeepStrictEqual(parse({ ...post, ...over }), { type: 'fault', id: 7, code, malformed: false });
  });

  it('takes the same client_msg_ids as the Web API', () => {
    const post = { type: 'message', channel: 'C1', text: 'hi', client_msg_id: 'job_7:step.2-a' };
    assert.partialDeepStrictEqual(parse(post), { type: 'message', clientMsgId: 'job_7:step.2-a' });
  });

  it('echoes what a ping carries', () => {
    assert.deepEqual(parse({ type: 'ping', id: 1, time: 5 }), { type: 'ping', id: 1, echo: { time: 5 } });
  });
});

describe('frames out', () => {
  it('have the three lengths of RFC 6455', () => {
    for (const [n, head] of [
      [0, 2],
      [125, 2],
      [126, 4],
      [65_535, 4],
      [65_536, 10],
    ] as const)
      assert.equal(encodeTextFrame(Buffer.alloc(n)).length, n + head);
  });

  it('find their time and their author without parsing', () => {
    const text = 'he said "user":"U3" and "ts":"1.000000"';
    const event = new LiveEvent({ seq: 1, json: Buffer.from(JSON.stringify({ text, user: 'U2', ts: '12.500000' })) });
    assert.equal(event.atMs, 12_500);
    assert.deepEqual([event.mayBeFrom(userId(2n)), event.mayBeFrom(userId(3n))], [true, false]);
  });
});

it('a replay leaves out what happened while the user was no member', () => {
  const me = userId(5n);
  const member = (seq: number, type: string, user: string) => ({ seq, payload: JSON.stringify({ type, user, seq }) });
  const message = (seq: number) => member(seq, 'message', 'U9');
  const log = [
    message(1),
    member(2, 'member_left_channel', 'U9'),
    member(3, 'member_left_channel', me),
    message(4),
    member(5, 'member_joined_channel', me),
    message(6),
  ];
  const seqs = (inside: boolean) => visibleTo(me, log, inside).events.map((e) => e.seq);
  assert.deepEqual(seqs(true), [1, 2, 3, 5, 6]);
  assert.deepEqual(seqs(false), [5, 6]);
});

it('a token bucket gives its burst, then its rate', () => {
  const bucket = new TokenBucket({ perSecond: 20, burst: 20 }, 0);
  const taken = (ms: number) => Array.from({ length: 50 }, () => bucket.take(ms)).filter(Boolean).length;
  assert.deepEqual([taken(0), taken(500), taken(10_000)], [20, 10, 20]);
});

it('origins: none, the own and the allowed', () => {
  const cases: [string | undefined, string, boolean][] = [
    [undefined, 'chat.test', true],
    ['https://chat.test', 'chat.test', true],
    ['https://app.test', 'chat.test', true],
    ['https://evil.test', 'chat.test', false],
    ['null', 'chat.test', false],
  ];
  for (const [origin, host, expected] of cases)
    assert.equal(originAllowed(origin, host, ['https://app.test']), expected, String(origin));
});

it('admission: resumes before fresh connects, a bound, and room for a resume in a full queue', async () => {
  const admission = new Admission({ inFlight: 1, queued: 2 });
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const run = (name: string, kind: 'resume' | 'fresh') =>
    admission.run(kind, async () => {
      order.push(name);
      await gate.promise;
    });
  const first = run('first', 'fresh');
  const fresh = run('fresh', 'fresh');
  const late = run('late fresh', 'fresh');
  const resume = run('resume', 'resume');
  await assert.rejects(late, { code: 'overloaded' });
  await assert.rejects(run('too late', 'fresh'), { code: 'overloaded' });
  gate.resolve();
  await Promise.all([first, fresh, resume]);
  assert.deepEqual(order, ['first', 'resume', 'fresh']);
});
