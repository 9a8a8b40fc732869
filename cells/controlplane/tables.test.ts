import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyTable, nextTable } from '../contract/ring-table.ts';
import { Tables } from './tables.ts';

test('a ring that is gone is told once, and is a new one when it comes back', async () => {
  const rings = new Set(['ns/a', 'ns/b']);
  const told: string[] = [];
  const tables = new Tables({
    store: { readTable: async (ring, known) => (known === 1 ? undefined : nextTable(emptyTable(ring))) },
    rings: () => rings,
    onTable: ({ ring, epoch }) => void told.push(`${ring} at ${epoch}`),
    onGone: (ring) => void told.push(`${ring} gone`),
    onChange: () => {},
  });
  await tables.poll();
  rings.delete('ns/a');
  await tables.poll();
  await tables.poll();
  rings.add('ns/a');
  await tables.poll();
  assert.deepEqual(told, ['ns/a at 1', 'ns/b at 1', 'ns/a gone', 'ns/a at 1']);
});
