import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import type { UserRow } from '../storage/store.ts';
import { ACME, ALICE, GLOBEX, ManualClock, workspaceEntry } from './auth.test-support.ts';
import type { Identity } from './identity.ts';
import { Users } from './users.ts';

const alice: Identity = {
  workspace: ACME,
  user: ALICE,
  roles: ['member'],
  name: 'alice',
  email: 'alice@acme.test',
  entry: workspaceEntry(ACME, []),
};
const code = (expected: string) => (e: unknown) => (e as { code?: string }).code === expected;

function rig() {
  const clock = new ManualClock();
  const rows = new Map<string, UserRow>();
  const asked: UserRow[] = [];
  const published: unknown[] = [];
  const users = new Users({
    clock,
    log: pino({ level: 'silent' }),
    directory: {
      provisionUser: async (user) => {
        asked.push(user);
        const created = !rows.has(user.id);
        if (created) rows.set(user.id, user);
        const row = rows.get(user.id)!;
        return row.workspace === user.workspace ? { user: row, created } : undefined;
      },
    },
    owners: {
      call: async (call) => {
        published.push(call);
        return undefined as never;
      },
    },
  });
  return { clock, rows, asked, published, users };
}

describe('Users', () => {
  it('makes the user of the first token and announces it once', async () => {
    const { users, asked, published, clock } = rig();
    const [a, b] = await Promise.all([users.ensure(alice), users.ensure(alice)]);
    assert.deepEqual([a.name, b.email, asked.length, published.length], ['alice', 'alice@acme.test', 1, 1]);
    assert.partialDeepStrictEqual(published[0], {
      topic: ACME,
      op: 'publish',
      args: { type: 'team_join', clientKey: `team_join:${ALICE}`, event: { user: { id: ALICE, team_id: ACME } } },
    });
    clock.advance(60_000);
    await users.ensure(alice);
    assert.deepEqual([asked.length, published.length], [2, 1]);
  });

  it('refuses a deactivated user within 5 s', async () => {
    const { users, rows, clock } = rig();
    await users.ensure(alice);
    rows.set(ALICE, { ...rows.get(ALICE)!, deleted: true });
    clock.advance(5_000);
    await assert.rejects(users.ensure(alice), code('account_inactive'));
  });

  it('never lends a user of one workspace to another', async () => {
    const { users } = rig();
    await users.ensure(alice);
    await assert.rejects(users.ensure({ ...alice, workspace: GLOBEX }), code('invalid_auth'));
  });
});
