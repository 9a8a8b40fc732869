import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type UserId, userId } from '../../cells/contract/ids.ts';
import { Members } from './members.ts';

const user = (n: number): UserId => userId(BigInt(n));
const users = (from: number, count: number): UserId[] => Array.from({ length: count }, (_, i) => user(from + i));

test('one who has just been looked up is known, however many come after him', async () => {
  const reads: UserId[] = [];
  const members = new Members(async (u) => {
    reads.push(u);
    return true;
  });
  await members.lookUp(users(1, 20_000));
  await members.lookUp([user(1)]);
  await members.lookUp([user(50_000)]);
  assert.equal(members.get(user(1)), true, 'in one breath with the one of whom there are too many');
  assert.equal(reads.length, 20_001);
  await members.lookUp(users(60_000, 20_000));
  assert.equal(members.get(user(1)), undefined, 'it does not grow for ever');
});

test('what is committed counts, also over what was known before', async () => {
  const members = new Members(async () => true);
  await members.lookUp(users(1, 20_000));
  await members.lookUp([user(50_000)]);
  members.committed(user(1), false);
  assert.equal(members.get(user(1)), false);
});
