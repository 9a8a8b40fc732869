import assert from 'node:assert/strict';
import { test } from 'node:test';
import { topicId, userId, workspaceId } from '../../cells/contract/ids.ts';
import { systemClock, systemRandom } from '../../cells/contract/system-clock.ts';
import type { Request } from '../protocol/operations.ts';
import type { Answer, PeerLink } from './peer-link.ts';
import { SubscribeTurns } from './subscribe-turns.ts';
import { Subscription } from './subscription.ts';

const OURS = workspaceId(1n);
const THEIRS = workspaceId(2n);

test('who asks for a topic of another workspace does not speak for those whose it is', async () => {
  const asked: { workspace: string; users: readonly string[] }[] = [];
  const answers: (() => void)[] = [];
  // An owner that knows only its own workspace, as the real one does.
  const peer = {
    up: true,
    send: () => undefined,
    request: (_header: unknown, body: Uint8Array, done: (answer: Answer, header: undefined) => void): void => {
      const { actor, args } = JSON.parse(Buffer.from(body).toString()) as Request<'subscribe'>;
      const { users } = args as { users: ReturnType<typeof userId>[] };
      asked.push({ workspace: actor.workspace, users });
      const denied = actor.workspace === OURS ? [] : users;
      answers.push(() => done({ ok: true, result: { head: 5, denied } }, undefined));
    },
  } as unknown as PeerLink;
  const routing = {
    ...{ clock: systemClock, random: systemRandom, moved: () => false, nextAttempt: () => 1, slowMs: 500 },
    pick: () => ({ peer, owner: undefined, epoch: 1 }),
  };
  const subscription = new Subscription(
    { ring: 'r', topic: topicId('C', 9n), slot: 0, slotKey: 'r 0' },
    routing,
    new SubscribeTurns(),
    {
      ...{ event: () => undefined, transient: () => undefined, denied: () => undefined },
    },
  );
  const outcomes = new Map<string, string>();
  const add = (n: bigint, workspace: typeof OURS): void => {
    const user = userId(n);
    const actor = { workspace, user, roles: ['member'] };
    subscription.add(user, actor, {
      resolve: () => outcomes.set(user, 'in'),
      reject: ({ code }) => outcomes.set(user, code),
    });
  };
  add(1n, THEIRS);
  add(2n, THEIRS);
  add(3n, OURS);
  add(4n, OURS);
  while (answers.length > 0) answers.shift()!();
  assert.deepEqual(Object.fromEntries(outcomes), {
    [userId(1n)]: 'channel_not_found',
    [userId(2n)]: 'channel_not_found',
    [userId(3n)]: 'in',
    [userId(4n)]: 'in',
  });
  assert.ok(asked.every(({ users, workspace }) => users.every((u) => u > userId(2n) === (workspace === OURS))));
});
