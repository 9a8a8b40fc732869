import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { userId } from '../../cells/contract/ids.ts';
import { LiveEvent } from './live-event.ts';
import { OutFrame } from './out-frame.ts';
import { TopicStream } from './topic-stream.ts';

const ME = userId(1n);
const OTHER = userId(2n);

const live = (seq: number, user = OTHER, member?: { user: typeof ME; joined: boolean }): LiveEvent =>
  new LiveEvent({ seq, json: Buffer.from(JSON.stringify({ type: 'message', user, seq })), member });
const ack = (seq: number): OutFrame => OutFrame.of({ ok: true, seq });

function rig() {
  const out: string[] = [];
  const stream = new TopicStream(ME, {
    event: (e) => out.push(`event ${e.seq}`),
    ack: (f) => out.push(`ack ${(JSON.parse(f.json.toString()) as { seq: number }).seq}`),
    left: (seq) => out.push(`left ${seq}`),
  });
  return { out, stream };
}

type Entry = 'other' | 'mine' | 'my other socket';
const ownSeqs = (log: readonly Entry[]): number[] => log.flatMap((kind, i) => (kind === 'mine' ? [i + 1] : []));

/** Three sources, each in its own order, mixed by `choose`: the log's events, the answers to the posts, the begin. */
function play(log: readonly Entry[], from: number, choose: () => number): string[] {
  const { out, stream } = rig();
  const answers = ownSeqs(log);
  for (const _ of answers) stream.postSent();
  const events = log.map((kind, i) => live(i + 1, kind === 'other' ? OTHER : ME));
  const begins = [from];
  while (events.length + answers.length + begins.length > 0) {
    const source = [events, answers, begins][choose()]!;
    const next = source.shift();
    if (next === undefined) continue;
    if (typeof next !== 'number') stream.event(next);
    else if (source === answers) stream.postStored(next, ack(next));
    else stream.begin(next);
  }
  return out;
}

describe('TopicStream', () => {
  it('who is shut out still gets what waited for an answer, up to the end of the membership', () => {
    const { out, stream } = rig();
    stream.begin(0);
    stream.postSent();
    stream.event(live(1, ME));
    stream.event(live(2));
    stream.event(live(3, OTHER, { user: ME, joined: false }));
    stream.event(live(4));
    assert.deepEqual(out, []);
    stream.shutOut();
    assert.deepEqual(out, ['event 1', 'event 2', 'event 3', 'left 3']);
  });

  it('a post from before the stream is acknowledged in its place too', () => {
    const { out, stream } = rig();
    stream.ackAt(3, ack(3));
    stream.begin(0);
    stream.event(live(1));
    stream.event(live(2));
    stream.event(live(3, ME));
    stream.event(live(4));
    assert.deepEqual(out, ['event 1', 'event 2', 'ack 3', 'event 4']);
  });

  it('puts the ack in the place of the event, whichever comes first', () => {
    for (const order of ['answer first', 'event first'] as const) {
      const { out, stream } = rig();
      stream.begin(0);
      stream.postSent();
      stream.event(live(1));
      if (order === 'answer first') stream.postStored(2, ack(2));
      stream.event(live(2, ME));
      stream.event(live(3));
      if (order === 'event first') stream.postStored(2, ack(2));
      assert.deepEqual(out, ['event 1', 'ack 2', 'event 3'], order);
    }
  });

  it('holds an ack until the events before it have left', () => {
    const { out, stream } = rig();
    stream.begin(0);
    stream.postSent();
    stream.postStored(3, ack(3));
    assert.deepEqual(out, []);
    for (const seq of [1, 2, 3, 4]) stream.event(live(seq));
    assert.deepEqual(out, ['event 1', 'event 2', 'ack 3', 'event 4']);
  });

  it('ends with the event that ends the membership, and still answers', () => {
    const { out, stream } = rig();
    stream.begin(0);
    stream.postSent();
    stream.event(live(1, OTHER, { user: ME, joined: false }));
    stream.event(live(2));
    stream.postFailed(ack(0));
    assert.deepEqual(out, ['event 1', 'left 1', 'ack 0']);
  });

  it('keeps one gap-free order under every interleaving of events and answers', () => {
    const entry = fc.constantFrom<Entry>('other', 'mine', 'my other socket');
    fc.assert(
      fc.property(
        fc.array(entry, { maxLength: 30 }),
        fc.nat(10),
        fc.infiniteStream(fc.nat(2)),
        (log, head, choices) => {
          const from = Math.min(head, log.length);
          const mine = ownSeqs(log);
          const out = play(log, from, () => choices.next().value);
          const after = out.filter((line) => Number(line.split(' ')[1]) > from);
          const expected = log.map((kind, i) => `${kind === 'mine' ? 'ack' : 'event'} ${i + 1}`).slice(from);
          assert.deepEqual(after, expected);
          assert.deepEqual(out.filter((line) => line.startsWith('ack')).length, mine.length);
        },
      ),
      { numRuns: 500 },
    );
  });
});
