import assert from 'node:assert/strict';
import { it } from 'node:test';
import { topicId } from '../../../cells/contract/ids.ts';
import type { Subject } from '../conformance.ts';
import type { UserRow } from '../store.ts';
import { channel, channelRow, OTHER_WORKSPACE, user, WORKSPACE } from '../testing/entries.ts';

export function directoryConformance(subject: Subject): void {
  const row = (n: number, more: Partial<UserRow> = {}): UserRow => ({
    id: user(n),
    workspace: WORKSPACE,
    name: `user ${n}`,
    email: n % 2 === 0 ? undefined : `u${n}@example.com`,
    roles: ['member'],
    deleted: false,
    ...more,
  });

  it('provisions a user once, in one workspace', async () => {
    const { directory } = subject.store;
    const first = await Promise.all(Array.from({ length: 8 }, () => directory.provisionUser(row(101))));
    assert.equal(first.filter((r) => r?.created).length, 1);
    assert.ok(first.every((r) => r?.user.name === 'user 101'));
    const again = await directory.provisionUser(row(101, { name: 'other' }));
    assert.deepEqual(again, { user: row(101), created: false });
    assert.equal(await directory.provisionUser(row(101, { workspace: OTHER_WORKSPACE, name: 'there' })), undefined);
    assert.equal((await directory.users(WORKSPACE, [user(101), user(999)])).size, 1);
    assert.equal((await directory.users(OTHER_WORKSPACE, [user(101)])).size, 0);
    assert.equal((await directory.users(WORKSPACE, [])).size, 0);
  });

  it('gives a user id to one of the workspaces that claim it at the same time', async () => {
    const { directory } = subject.store;
    const both = [WORKSPACE, OTHER_WORKSPACE];
    const claims = Array.from({ length: 8 }, (_, i) => directory.provisionUser(row(102, { workspace: both[i % 2]! })));
    const held = (await Promise.all(claims)).map((r) => r?.user.workspace);
    assert.equal(new Set(held.filter((w) => w !== undefined)).size, 1);
    assert.equal(held.filter((w) => w === undefined).length, 4);
  });

  it('lists users by id in pages', async () => {
    const { directory } = subject.store;
    const rows = [1, 2, 3, 4, 5].map((n) => row(200 + n, { workspace: OTHER_WORKSPACE }));
    for (const r of [...rows].reverse()) await directory.provisionUser(r);
    const page = await directory.listUsers(OTHER_WORKSPACE, { after: user(200), limit: 3 });
    assert.deepEqual(page, rows.slice(0, 3));
    assert.deepEqual(await directory.listUsers(OTHER_WORKSPACE, { after: user(203), limit: 3 }), rows.slice(3));
  });

  it('reserves a name for one channel, also under a race', async () => {
    const { directory } = subject.store;
    const ids = Array.from({ length: 8 }, (_, i) => channel(300_000 + i));
    const holders = await Promise.all(ids.map((id) => directory.reserveName(WORKSPACE, 'random', id)));
    assert.equal(new Set(holders).size, 1);
    assert.equal(await directory.reserveName(WORKSPACE, 'random', ids[3]!), holders[0]);
    assert.equal(await directory.reserveName(OTHER_WORKSPACE, 'random', ids[5]!), ids[5]);
  });

  it('reserves a DM for a set of users, in any order', async () => {
    const { directory } = subject.store;
    const dm = topicId('D', 77n);
    assert.equal(await directory.reserveDm(WORKSPACE, [user(1), user(2)], dm), dm);
    assert.equal(await directory.reserveDm(WORKSPACE, [user(2), user(1), user(2)], topicId('D', 78n)), dm);
    const group = topicId('G', 79n);
    assert.equal(await directory.reserveDm(WORKSPACE, [user(1), user(2), user(3)], group), group);
  });

  it('keeps memberships at their highest seq, whatever the order', async () => {
    const { directory } = subject.store;
    const [a, b] = [channel(310_001), channel(310_002)];
    await directory.applyMembership(user(301), channelRow(a), true, 5);
    await directory.applyMembership(user(301), channelRow(b), false, 9);
    await directory.applyMembership(user(301), channelRow(b), true, 8);
    await directory.applyMembership(user(301), channelRow(a), false, 4);
    const held = () => directory.memberships(WORKSPACE, user(301));
    assert.deepEqual(await held(), [{ channel: channelRow(a), seq: 5 }]);
    await directory.applyMembership(user(301), channelRow(b), true, 10);
    assert.deepEqual(
      (await held()).map((m) => [m.channel.id, m.seq]),
      [
        [a, 5],
        [b, 10],
      ],
    );
    await directory.applyChannel(channelRow(a, { name: 'new' }), 7);
    await directory.applyChannel(channelRow(a, { name: 'old' }), 6);
    assert.equal((await held())[0]?.channel.name, 'new');
    assert.deepEqual(await directory.memberships(OTHER_WORKSPACE, user(301)), []);
  });

  it('lists the public channels of the workspace in pages', async () => {
    const { directory } = subject.store;
    const ids = [1, 2, 3, 4].map((n) => channel(320_000 + n));
    for (const [i, id] of ids.entries()) await directory.applyChannel(channelRow(id, { isPrivate: i === 1 }), 1);
    const page = (after: number, limit: number) =>
      directory.listChannels(WORKSPACE, { after: channel(320_000 + after), limit });
    assert.deepEqual(
      (await page(0, 2)).map((c) => c.id),
      [ids[0], ids[2]],
    );
    assert.deepEqual(
      (await page(3, 10)).map((c) => c.id),
      [ids[3]],
    );
    assert.deepEqual(await directory.listChannels(OTHER_WORKSPACE, { limit: 10 }), []);
  });
}
