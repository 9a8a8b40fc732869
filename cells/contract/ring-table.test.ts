import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import { decodeTable, emptyTable, encodeTable, memberIndex, NONE, nextTable } from './ring-table.ts';

const member = (incarnation: string) => ({
  ...{ incarnation, pod: incarnation, cell: 'cell-a', zone: 'zone-a', address: '127.0.0.1:7000', weight: 1 },
});

test('a table survives its encoding', () => {
  const table = nextTable(emptyTable('chatcells/main'));
  table.members = [member('a/1'), member('b/1')];
  for (let slot = 0; slot < table.owner.length; slot++) {
    table.owner[slot] = slot % 2;
    table.standby[slot] = (slot + 1) % 2;
    table.slotEpoch[slot] = slot * 7;
  }
  table.target[5] = 1;
  assert.deepEqual(decodeTable(encodeTable(table)), table);
  assert.deepEqual(decodeTable(encodeTable({ ...table, ended: 'uid' })), { ...table, ended: 'uid' });
  assert.equal(nextTable({ ...table, ended: 'uid' }).ended, 'uid');
  assert.equal(memberIndex(table, 'b/1'), 1);
  assert.equal(memberIndex(table, 'c/1'), NONE);
});

test('a table of another format is refused by name, not misread', () => {
  const raw = inflateSync(encodeTable(emptyTable('r')));
  raw[0] = 9;
  assert.throws(() => decodeTable(deflateSync(raw)), { code: 'ring_table_format' });
});

test('changing the next table leaves the present one alone', () => {
  const table = emptyTable('r');
  const next = nextTable(table);
  next.owner[0] = 3;
  assert.equal(table.owner[0], NONE);
  assert.equal(next.epoch, 1);
});
