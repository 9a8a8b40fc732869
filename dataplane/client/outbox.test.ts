import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { Outbox, type OutgoingPost } from './outbox.ts';

const post = (channel: string, n: number): OutgoingPost => ({
  channel,
  text: '',
  clientMsgId: `${channel}-${n}`,
  threadTs: undefined,
  attempts: 0,
  resolve: () => undefined,
  reject: () => undefined,
});

it('whatever is answered, refused or cut off, and when: every post is done once, in order per channel', () => {
  const steps = fc.array(fc.record({ what: fc.constantFrom('done', 'retry', 'cut', 'take'), pick: fc.nat(50) }));
  fc.assert(
    fc.property(fc.array(fc.nat(30), { maxLength: 80 }), steps, (channels, script) => {
      const outbox = new Outbox();
      for (const [n, channel] of channels.entries()) outbox.add(post(`C${channel}`, n));
      let flight: { id: number; post: OutgoingPost }[] = [];
      const done: string[] = [];
      const step = (what: string, pick: number): void => {
        if (what === 'cut') {
          outbox.reset();
          for (const { id } of flight) assert.equal(outbox.answered(id), undefined, 'an answer of another connection');
          flight = [];
        } else if (what === 'take') flight.push(...outbox.take());
        else if (flight.length > 0) {
          const [{ id } = assert.fail()] = flight.splice(pick % flight.length, 1);
          const answered = outbox.answered(id);
          assert.ok(answered);
          assert.equal(outbox.answered(id), undefined, 'a second answer answers nothing');
          if (what === 'retry') outbox.retry(answered);
          else {
            outbox.done(answered);
            done.push(answered.clientMsgId);
          }
        }
        assert.ok(flight.length <= 20);
        assert.equal(new Set(flight.map((f) => f.post.channel)).size, flight.length, 'one at a time per channel');
      };
      for (const { what, pick } of script) step(what, pick);
      step('cut', 0);
      while (outbox.size > 0) {
        step('take', 0);
        step('done', 0);
      }
      assert.equal(new Set(done).size, channels.length);
      for (const channel of new Set(channels)) {
        const of = done.filter((id) => id.startsWith(`C${channel}-`)).map((id) => Number(id.split('-')[1]));
        assert.deepEqual(
          of,
          [...of].sort((a, b) => a - b),
        );
      }
    }),
  );
});

it('a long queue of some channels does not keep the others waiting', () => {
  const outbox = new Outbox();
  for (let n = 0; n < 5; n++) for (let c = 0; c < 20; c++) outbox.add(post(`C${c}`, n));
  outbox.add(post('late', 0));
  for (const { id } of outbox.take()) outbox.done(outbox.answered(id)!);
  assert.ok(outbox.take().some((due) => due.post.channel === 'late'));
});
