import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testRing } from '../../test-support.ts';
import { decideRing, type ObservedRing, type RingDecision } from './decide.ts';

const member = (pod: string, slots: number, cell = 'cell-a') => ({ pod, cell, zone: 'zone-a', slots, standbySlots: 1 });
const settled = {
  epoch: 5,
  members: [member('p-1', 8192), member('p-0', 8192)],
  movesInFlight: 0,
  missingReplicas: 0,
  maxOverAverage: 1.0004,
};

function observed(changes: Partial<ObservedRing> = {}): ObservedRing {
  const cells = new Map(['cell-a', 'cell-b'].map((name) => [name, { deleting: false }]));
  const ring = testRing('main', ['cell-a', 'cell-b']);
  return { ring, cells, usedBy: ['acme'], figures: settled, ended: false, ...changes };
}
const ran = (d: RingDecision) => {
  assert.equal(d.kind, 'run');
  return (d as RingDecision & { kind: 'run' }).status;
};
const reasonOf = (o: ObservedRing, type: string) => {
  const c = ran(decideRing(o)).conditions.find((x) => x.type === type);
  return `${c?.status} ${c?.reason}`;
};

test('a settled ring is mirrored, members in one order', () => {
  const status = ran(decideRing(observed()));
  assert.deepEqual([status.epoch, status.memberCount, status.maxOverAverage], [5, 2, '1.000']);
  assert.deepEqual(
    status.members?.map((m) => m.pod),
    ['p-0', 'p-1'],
  );
  assert.equal(reasonOf(observed(), 'Converged'), 'True Settled');
  assert.equal(reasonOf(observed(), 'Degraded'), 'False AsExpected');
});

test('two incarnations of one Pod are one entry', () => {
  const status = ran(
    decideRing(observed({ figures: { ...settled, members: [member('p-0', 100), member('p-0', 16_284)] } })),
  );
  assert.deepEqual(
    status.members?.map((m) => [m.pod, m.slots, m.standbySlots]),
    [['p-0', 16_384, 2]],
  );
});

test('what is not as it should be has its reason', () => {
  const cell = (changes: [string, { deleting: boolean }][]) => ({ cells: new Map(changes) });
  assert.equal(reasonOf(observed(cell([['cell-a', { deleting: false }]])), 'Degraded'), 'True CellNotFound');
  assert.equal(
    reasonOf(
      observed(
        cell([
          ['cell-a', { deleting: true }],
          ['cell-b', { deleting: false }],
        ]),
      ),
      'Degraded',
    ),
    'True CellDeleting',
  );
  assert.equal(
    reasonOf(observed({ figures: { ...settled, members: [member('p-0', 8192)] } }), 'Degraded'),
    'True SlotsWithoutOwner',
  );
  assert.equal(reasonOf(observed({ figures: { ...settled, movesInFlight: 3 } }), 'Rebalancing'), 'True Moving');
  assert.equal(reasonOf(observed({ figures: undefined }), 'Converged'), 'False WaitingForMembers');
});

test('a silent control plane and an older table leave what was known', () => {
  const ring = testRing('main', ['cell-a', 'cell-b'], {
    status: { epoch: 9, memberCount: 1, members: [member('p-9', 16_384)] },
  });
  for (const figures of [undefined, { ...settled, epoch: 8, missingReplicas: 1 }]) {
    const status = ran(decideRing(observed({ ring, figures })));
    assert.deepEqual([status.epoch, status.members?.[0]?.pod], [9, 'p-9']);
  }
  assert.equal(reasonOf(observed({ ring, figures: undefined }), 'Converged'), 'Unknown FiguresUnknown');
});

test('an older table that all replicas tell of is the one that holds: the store was restored', () => {
  const ring = testRing('main', ['cell-a', 'cell-b'], {
    status: { epoch: 9, memberCount: 1, members: [member('p-9', 16_384)] },
  });
  const status = ran(decideRing(observed({ ring, figures: { ...settled, epoch: 2 } })));
  assert.deepEqual([status.epoch, status.memberCount], [2, settled.members.length]);
});

test('a ring goes when no Workspace names it and the control plane has ended its table', () => {
  const metadata = { deletionTimestamp: '2026-01-01T00:00:00Z' };
  const ring = testRing('main', ['cell-a'], { metadata });
  const waits = (changes: Partial<ObservedRing>) => {
    const c = ran(decideRing(observed({ ring, ...changes }))).conditions.find((x) => x.type === 'Degraded');
    return `${c?.status} ${c?.reason}: ${c?.message}`;
  };
  assert.match(waits({}), /^True DeletionWaits: .*Workspaces that name the ring: acme\.$/);
  assert.match(waits({ ended: true }), /acme/);
  assert.match(waits({ usedBy: [] }), /^True DeletionWaits: .*until the control plane/);
  assert.match(
    waits({ usedBy: [], figures: undefined, ended: undefined }),
    /^True WaitingForControlPlane: .*none answers.*remove the finalizer chatcells.dev\/cleanup/,
  );
  assert.equal(decideRing(observed({ ring, usedBy: [], ended: true })).kind, 'release');
  assert.equal(decideRing(observed({ ring, usedBy: [], figures: undefined, ended: true })).kind, 'release');
  const kept = testRing('main', ['cell-a'], { metadata: { ...metadata, finalizers: ['somebody/else'] } });
  assert.equal(decideRing(observed({ ring: kept, usedBy: [] })).kind, 'release', 'ours is gone already');
  assert.equal(
    decideRing(observed({ ring: testRing('main', ['cell-a'], { metadata: { finalizers: [] } }) })).kind,
    'addFinalizer',
  );
});
