import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type WorkspaceId, workspaceId } from '../../../cells/contract/ids.ts';
import type { TokenKey } from '../../../cells/contract/kube/token-secret.ts';
import { decodeTokenKey, encodeTokenKey } from '../../../cells/contract/kube/token-secret.ts';
import { keyspaceId } from '../../../cells/contract/slot.ts';
import { mintPlaced, shardContains } from '../../../cells/placement/place.ts';
import { testWorkspace } from '../../test-support.ts';
import { decideWorkspace, type ObservedWorkspace, type WorkspaceDecision } from './decide.ts';

let last = 1n << 40n;
const next = (): bigint => ++last;
const keyOf = (id: WorkspaceId, kid = 'k1'): TokenKey => ({
  workspaceId: id,
  kid,
  jwk: { kty: 'OKP', crv: 'Ed25519', x: `x-${kid}`, d: 'd' },
});
const ID = workspaceId(mintPlaced(next, '-80'));

function observed(changes: Partial<ObservedWorkspace> = {}): ObservedWorkspace {
  return {
    workspace: testWorkspace('acme'),
    secret: keyOf(ID),
    ringCells: ['cell-a', 'cell-b'],
    shards: ['-80', '80-'],
    ...changes,
  };
}
const ran = (d: WorkspaceDecision) => {
  assert.equal(d.kind, 'run');
  return (d as WorkspaceDecision & { kind: 'run' }).status;
};
const ready = (o: ObservedWorkspace) => ran(decideWorkspace(o)).conditions.find((c) => c.type === 'Ready');

test('without a Secret one is minted: in the wanted shard, or with the id that the status has', () => {
  const inShard = testWorkspace('acme', { placement: { shard: '80-' } });
  assert.deepEqual(decideWorkspace(observed({ secret: 'absent', workspace: inShard })), {
    kind: 'mint',
    workspaceId: undefined,
    shard: '80-',
  });
  const known = testWorkspace('acme', {}, { workspaceId: ID });
  assert.deepEqual(decideWorkspace(observed({ secret: 'absent', workspace: known })), {
    kind: 'mint',
    workspaceId: ID,
    shard: 'auto',
  });
});

test('the status follows the Secret: id, placement, public key', () => {
  const status = ran(decideWorkspace(observed()));
  assert.equal(status.workspaceId, ID);
  assert.deepEqual(status.placement, { keyspace: 'chat', shard: '-80' });
  assert.deepEqual(status.tokenKeys, [{ kid: 'k1', x: 'x-k1' }]);
  assert.equal(ready(observed())?.status, 'True');
});

test('a new key comes first and old ones stay for a while', () => {
  const keys = ['k4', 'k3', 'k2', 'k1'].map((kid) => ({ kid, x: `x-${kid}` }));
  const workspace = testWorkspace('acme', {}, { workspaceId: ID, tokenKeys: keys });
  const { tokenKeys } = ran(decideWorkspace(observed({ workspace, secret: keyOf(ID, 'k5') })));
  assert.deepEqual(
    tokenKeys?.map((k) => k.kid),
    ['k5', 'k4', 'k3', 'k2'],
  );
});

test('the id of the status never changes, and the key of another workspace is not taken', () => {
  const other = workspaceId(next());
  const workspace = testWorkspace('acme', {}, { workspaceId: other });
  const status = ran(decideWorkspace(observed({ workspace })));
  assert.deepEqual([status.workspaceId, status.tokenKeys], [other, []]);
  assert.equal(ready(observed({ workspace }))?.reason, 'TokenSecretForeign');
});

const reasons: [reason: string, changes: Partial<ObservedWorkspace>][] = [
  ['RingNotFound', { ringCells: undefined }],
  ['RingOutsideCells', { workspace: testWorkspace('acme', { cells: ['cell-a'] }) }],
  ['ShardNotFound', { workspace: testWorkspace('acme', { placement: { shard: '-40' } }) }],
  ['LiesElsewhere', { workspace: testWorkspace('acme', { placement: { shard: '80-' } }) }],
  ['TokenSecretUnreadable', { secret: 'unreadable' }],
  ['TokenSecretForeign', { secret: 'foreign' }],
  ['FormerTokenSecret', { secret: 'former' }],
  ['Suspended', { workspace: testWorkspace('acme', { suspended: true }) }],
];
for (const [reason, changes] of reasons) {
  test(`Ready is False with reason ${reason}, and says what to do`, () => {
    const workspace = changes.workspace ?? testWorkspace('acme');
    const o = observed({ ...changes, workspace: { ...workspace, status: { workspaceId: ID } } });
    assert.deepEqual([ready(o)?.status, ready(o)?.reason], ['False', reason]);
    assert.ok((ready(o)?.message ?? '').length > 20);
  });
}

test('a Secret that somebody else made is looked for again, and no id is minted before it is gone', () => {
  const d = decideWorkspace(observed({ secret: 'foreign' }));
  assert.deepEqual(
    [ran(d).workspaceId, ready(observed({ secret: 'foreign' }))?.reason],
    [undefined, 'TokenSecretForeign'],
  );
  assert.match(ready(observed({ secret: 'foreign' }))?.message ?? '', /acme-token-key .* delete it/);
  assert.ok(d.kind === 'run' && d.retryMs);
  assert.equal(ready(observed({ secret: 'unreadable' }))?.reason, 'TokenSecretUnreadable', 'without an id as well');
  const known = testWorkspace('acme', {}, { workspaceId: ID, tokenKeys: [{ kid: 'k1', x: 'x-k1' }] });
  const { workspaceId: id, tokenKeys } = ran(decideWorkspace(observed({ workspace: known, secret: 'foreign' })));
  assert.deepEqual([id, tokenKeys], [ID, [{ kid: 'k1', x: 'x-k1' }]], 'its tokens stay good');
});

test('a Secret that has lost its label gets it back', () => {
  assert.deepEqual(decideWorkspace(observed({ secret: 'unlabelled' })), { kind: 'label' });
  const going = testWorkspace('acme');
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  assert.equal(decideWorkspace(observed({ workspace: going, secret: 'unlabelled' })).kind, 'ignore');
});

test('no id is minted for a shard that does not exist, nor for a Workspace that goes', () => {
  const wrong = testWorkspace('acme', { placement: { shard: '-40' } });
  assert.equal(decideWorkspace(observed({ secret: 'absent', workspace: wrong })).kind, 'run');
  const going = testWorkspace('acme');
  going.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
  assert.equal(decideWorkspace(observed({ secret: 'absent', workspace: going })).kind, 'ignore');
});

test('"0" and "-" are the same whole keyspace', () => {
  const workspace = testWorkspace('acme', { placement: { shard: '-' } });
  assert.deepEqual(decideWorkspace(observed({ secret: 'absent', workspace, shards: ['0'] })), {
    kind: 'mint',
    workspaceId: undefined,
    shard: '0',
  });
});

test('minted ids lie in their shard; a token key survives its Secret', () => {
  for (const shard of ['-40', '40-80', '80-', '0'])
    assert.ok(shardContains(shard, keyspaceId(mintPlaced(next, shard))));
  assert.deepEqual(decodeTokenKey(encodeTokenKey(keyOf(ID))), keyOf(ID));
  assert.equal(decodeTokenKey({}), undefined);
  assert.equal(decodeTokenKey({ ...encodeTokenKey(keyOf(ID)), jwk: 'bm8=' }), undefined);
});
