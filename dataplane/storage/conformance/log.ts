import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hasCode } from '../../../cells/contract/errors.ts';
import type { TopicId } from '../../../cells/contract/ids.ts';
import type { Subject } from '../conformance.ts';
import type { LogEntry } from '../store.ts';
import {
  channel,
  channelRow,
  entry,
  event,
  fencesOf,
  OTHER_WORKSPACE,
  tsOf,
  user,
  WORKSPACE,
} from '../testing/entries.ts';

const ME = 'pod-1/nonce';
let topics = 0;

export function logConformance(subject: Subject): void {
  /** A topic of its own, claimed at epoch 1. */
  const claimed = async (): Promise<TopicId> => {
    const topic = channel(++topics);
    await subject.store.log.claim(ME, fencesOf([topic]));
    return topic;
  };
  const append = (...entries: LogEntry[]): Promise<void> =>
    subject.store.log.append(ME, fencesOf(entries.map((e) => e.topic)), entries);
  const stored = ({ projection: _, ...event }: LogEntry): Omit<LogEntry, 'projection'> => event;
  const texts = async (topic: TopicId): Promise<string[]> =>
    (await subject.store.log.read(topic, 0, 100)).map((e) => e.payload);

  it('gives back what was appended, byte for byte and number for number', async () => {
    const [a, b] = [await claimed(), await claimed()];
    const odd = JSON.stringify({ text: `it's "quoted" \\ ? :x \u0000 \u{1F600} -- ; DROP`, seq: 2 });
    const entries = [
      entry(a, 1, { clientKey: 'k1' }),
      entry(b, 1, { user: user(2) }),
      entry(a, 2, { payload: odd }),
      event(a, 3, 'channel_created', { kind: 'none' }),
      { ...event(a, 4, 'user_change', { kind: 'none' }), user: undefined },
    ];
    await append(...entries);
    assert.deepEqual(await subject.store.log.read(a, 0, 10), entries.filter((e) => e.topic === a).map(stored));
    assert.deepEqual(await subject.store.log.read(b, 0, 10), [stored(entries[1]!)]);
    assert.deepEqual(await subject.store.log.read(a, 1, 2), [stored(entries[2]!), stored(entries[3]!)]);
  });

  it('knows the head of each of many topics', async () => {
    const [a, b, never] = [await claimed(), await claimed(), channel(900_001)];
    await append(...[1, 2, 3].map((seq) => entry(a, seq)), entry(b, 1));
    const others = Array.from({ length: 1_100 }, (_, i) => channel(910_000 + i));
    const heads = await subject.store.log.heads([a, ...others, never, b]);
    assert.equal(heads.size, 1_103);
    assert.deepEqual(heads.get(a), { seq: 3, ts: tsOf(3) });
    assert.deepEqual(heads.get(b), { seq: 1, ts: tsOf(1) });
    assert.deepEqual(heads.get(never), { seq: 0, ts: 0n });
    assert.equal((await subject.store.log.heads([])).size, 0);
  });

  it('takes 256 rows of many topics in one batch', async () => {
    const many = await Promise.all(Array.from({ length: 16 }, claimed));
    await append(...many.flatMap((t) => Array.from({ length: 16 }, (_, i) => entry(t, i + 1))));
    const heads = await subject.store.log.heads(many);
    assert.ok([...heads.values()].every((h) => h.seq === 16));
  });

  it('refuses a (topic, seq) that exists, and writes nothing of the batch', async () => {
    const [a, b] = [await claimed(), await claimed()];
    await append(entry(a, 1));
    await assert.rejects(append(entry(b, 1), entry(a, 1)), (e) => hasCode(e, 'store_conflict'));
    assert.deepEqual(await subject.store.log.read(b, 0, 10), []);
  });

  it('writes nothing of a batch whose later statement fails', async () => {
    const a = await claimed();
    await append(entry(a, 1));
    const sameTs = entry(a, 2, { ts: tsOf(1), projection: { kind: 'message', ts: tsOf(1) } });
    await assert.rejects(append(sameTs), (e) => hasCode(e, 'store_conflict'));
    assert.equal((await subject.store.log.heads([a])).get(a)?.seq, 1);
    await append(entry(a, 2));
  });

  it('refuses an idempotency key that exists for the same topic and user only', async () => {
    const [a, b] = [await claimed(), await claimed()];
    await append(entry(a, 1, { clientKey: 'key' }));
    await assert.rejects(append(entry(a, 2, { clientKey: 'key' })), (e) => hasCode(e, 'store_conflict'));
    await append(entry(a, 2, { clientKey: 'key', user: user(2) }), entry(a, 3, { clientKey: 'KEY' }));
    await append(entry(b, 1, { clientKey: 'key' }), entry(a, 4), entry(a, 5));
    assert.equal((await subject.store.log.read(a, 0, 10)).length, 5);
  });

  it('finds events by their idempotency keys, in the order asked', async () => {
    const [a, b] = [await claimed(), await claimed()];
    const entries = [
      entry(a, 1, { clientKey: 'x' }),
      entry(a, 2, { clientKey: 'y', user: user(2) }),
      entry(b, 1, { clientKey: 'x' }),
    ];
    await append(...entries);
    const key = (topic: TopicId, n: number, clientKey: string) => ({ topic, user: user(n), clientKey });
    const filler = Array.from({ length: 150 }, (_, i) => key(a, 9, `f${i}`));
    const found = await subject.store.log.findByClientKey([
      key(b, 1, 'x'),
      key(a, 1, 'y'),
      ...filler,
      key(a, 2, 'y'),
      key(a, 1, 'x'),
      key(a, 1, 'X'),
      key(a, 1, 'x '),
    ]);
    assert.deepEqual(
      found.filter((e) => e !== undefined),
      [entries[2]!, entries[1]!, entries[0]!].map(stored),
    );
    assert.deepEqual(found[0], stored(entries[2]!));
    assert.equal(found[1], undefined);
    assert.deepEqual(found[152], stored(entries[1]!));
  });

  it('pages history by ts, newest first, and shows the last edit', async () => {
    const a = await claimed();
    await append(...[1, 2, 3, 4].map((seq) => entry(a, seq)));
    await append(event(a, 5, 'message_changed', { kind: 'edit', ts: tsOf(2), payload: '{"text":"new"}' }));
    const seqs = async (query: { oldest?: bigint; latest?: bigint; inclusive?: boolean; limit?: number }) =>
      (await subject.store.log.history(WORKSPACE, a, { inclusive: false, limit: 100, ...query })).map((m) => m.seq);
    assert.deepEqual(await seqs({}), [4, 3, 2, 1]);
    assert.deepEqual(await seqs({ limit: 2 }), [4, 3]);
    assert.deepEqual(await seqs({ oldest: tsOf(1), latest: tsOf(4) }), [3, 2]);
    assert.deepEqual(await seqs({ oldest: tsOf(1), latest: tsOf(4), inclusive: true }), [4, 3, 2, 1]);
    assert.deepEqual(await seqs({ latest: tsOf(3) }), [2, 1]);
    const edited = await subject.store.log.message(WORKSPACE, a, tsOf(2));
    assert.equal(edited?.payload, '{"text":"new"}');
    assert.equal(edited?.seq, 2);
    assert.deepEqual(await subject.store.log.history(OTHER_WORKSPACE, a, { inclusive: true, limit: 10 }), []);
    assert.equal(await subject.store.log.message(OTHER_WORKSPACE, a, tsOf(2)), undefined);
  });

  it('a delete takes the text from every row that holds it, and keeps the idempotency key', async () => {
    const a = await claimed();
    const secret = (seq: number): string => JSON.stringify({ text: 'secret', seq });
    await append(
      entry(a, 1),
      entry(a, 2, { payload: secret(2), clientKey: 'k' }),
      event(a, 3, 'message_changed', { kind: 'edit', ts: tsOf(2), payload: secret(2) }, secret(3)),
    );
    const tombstone = '{"type":"message","subtype":"tombstone","seq":2}';
    await append(event(a, 4, 'message_deleted', { kind: 'delete', ts: tsOf(2), tombstone }));
    const log = await texts(a);
    assert.ok(!log.join().includes('secret'));
    assert.equal(log[1], tombstone);
    assert.deepEqual(JSON.parse(log[2]!), { type: 'message', subtype: 'tombstone', seq: 3 });
    assert.equal(JSON.parse(log[0]!).text, 'text 1');
    const left = await subject.store.log.history(WORKSPACE, a, { inclusive: true, limit: 10 });
    assert.deepEqual(
      left.map((m) => m.seq),
      [1],
    );
    assert.equal(await subject.store.log.message(WORKSPACE, a, tsOf(2)), undefined);
    const [kept] = await subject.store.log.findByClientKey([{ topic: a, user: user(1), clientKey: 'k' }]);
    assert.equal(kept?.payload, tombstone);
    await append(event(a, 5, 'message_changed', { kind: 'edit', ts: tsOf(2), payload: secret(2) }, '{}'));
    assert.equal(await subject.store.log.message(WORKSPACE, a, tsOf(2)), undefined);
  });

  it('edits and deletes a message of the same batch', async () => {
    const a = await claimed();
    await append(
      entry(a, 1),
      event(a, 2, 'message_changed', { kind: 'edit', ts: tsOf(1), payload: '{"text":"b"}' }),
      entry(a, 3, { payload: '{"text":"secret"}' }),
      event(a, 4, 'message_deleted', { kind: 'delete', ts: tsOf(3), tombstone: '{}' }),
    );
    assert.equal((await subject.store.log.message(WORKSPACE, a, tsOf(1)))?.payload, '{"text":"b"}');
    assert.ok(!(await texts(a)).join().includes('secret'));
  });

  it('keeps members and the channel as the log last said', async () => {
    const a = await claimed();
    const member = (seq: number, n: number, is: boolean) =>
      event(a, seq, is ? 'member_joined_channel' : 'member_left_channel', {
        kind: 'member',
        user: user(n),
        member: is,
      });
    await append(
      event(a, 1, 'channel_created', { kind: 'channel', channel: channelRow(a) }),
      ...[member(2, 1, true), member(3, 2, true), member(4, 3, true), member(5, 2, false)],
    );
    const { log } = subject.store;
    assert.deepEqual(await log.members(a, { limit: 10 }), [user(1), user(3)]);
    assert.deepEqual(await log.members(a, { limit: 1 }), [user(1)]);
    assert.deepEqual(await log.members(a, { after: user(1), limit: 10 }), [user(3)]);
    const renamed = channelRow(a, { name: 'renamed', isArchived: true });
    await append(member(6, 2, true), event(a, 7, 'channel_rename', { kind: 'channel', channel: renamed }));
    assert.deepEqual(await log.members(a, { limit: 10 }), [user(1), user(2), user(3)]);
    assert.deepEqual(await log.channel(WORKSPACE, a), renamed);
    assert.equal(await log.channel(OTHER_WORKSPACE, a), undefined);
    const nowhere = channel(999);
    assert.deepEqual(await log.channels([nowhere, a]), new Map([[a, renamed]]));
    const pairs = [1, 2, 4].map((n) => ({ topic: a, user: user(n) }));
    assert.deepEqual(await log.areMembers([...pairs, { topic: nowhere, user: user(1) }]), [true, true, false, false]);
    assert.deepEqual([await log.areMembers([]), await log.channels([])], [[], new Map()]);
  });

  it('remembers how far a topic was projected, never backwards', async () => {
    const a = await claimed();
    const { log } = subject.store;
    assert.deepEqual(await log.projectedSeqs([a]), new Map());
    await log.setProjectedSeq(a, 7);
    await log.setProjectedSeq(a, 3);
    assert.deepEqual(await log.projectedSeqs([channel(999), a]), new Map([[a, 7]]));
  });
}
