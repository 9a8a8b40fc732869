import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decideConfiguration } from './decide.ts';

const refusal = (node: string, error = 'cannot bind') => ({ node, role: 'edge', type: 'Listener', error });

test('a refusal is told in the words of the process; accepted; unknown says nothing', () => {
  assert.equal(decideConfiguration(undefined), undefined);
  const accepted = decideConfiguration([]);
  assert.deepEqual([accepted?.status, accepted?.reason], ['False', 'Accepted']);
  const refused = decideConfiguration([refusal('cell-a-edge-0', "error adding listener 'edge':\n  cannot bind")]);
  assert.deepEqual([refused?.type, refused?.status, refused?.reason], ['ConfigurationRefused', 'True', 'Refused']);
  assert.match(refused?.message ?? '', /^cell-a-edge-0 refused Listener: error adding listener 'edge': cannot bind\. /);
  assert.match(refused?.message ?? '', /runbooks\/ChatcellsConfigurationRefused\.md/);
});

test('many are told by the first few, long words are cut, and the same refusals read the same', () => {
  const many = Array.from({ length: 5 }, (_, i) => refusal(`edge-${i}`, 'x'.repeat(2_000)));
  const message = decideConfiguration(many)?.message ?? '';
  assert.match(message, /edge-2 refused.*; and 2 more\./);
  assert.ok(message.length < 2_000, `${message.length} characters`);
  assert.equal(decideConfiguration(many.map((r) => ({ ...r })))?.message, message);
});
