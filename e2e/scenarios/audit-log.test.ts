import assert from 'node:assert/strict';
import { test } from 'node:test';
import { writesByUser } from './audit-log.ts';

const at = (second: number): number => Date.parse('2026-01-01T00:00:00Z') + second * 1_000;
const line = (second: number, username: string, verb: string, resource: string, subresource?: string): string =>
  JSON.stringify({
    verb,
    requestReceivedTimestamp: new Date(at(second)).toISOString(),
    user: { username },
    objectRef: { resource, ...(subresource && { subresource }) },
  });

test('writes of the time asked for, by user and resource; leases aside, and a line that is half written', () => {
  const log = [
    line(1, 'operator', 'patch', 'cells', 'status'), // before
    line(5, 'operator', 'patch', 'cells', 'status'),
    line(6, 'operator', 'patch', 'cells', 'status'),
    line(7, 'operator', 'update', 'leases'),
    line(8, 'node', 'create', 'events'),
    line(20, 'node', 'create', 'events'), // after
    line(9, 'node', 'create', 'pods').slice(0, 40),
  ].join('\n');
  assert.deepEqual(
    writesByUser(log, at(2), at(10)),
    new Map([
      ['operator', new Map([['patch cells/status', 2]])],
      ['node', new Map([['create events', 1]])],
    ]),
  );
});
