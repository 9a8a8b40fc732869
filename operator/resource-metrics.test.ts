import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Cell, Workspace } from '../crds/index.ts';
import { resourceMetrics } from './resource-metrics.ts';

const condition = (type: string, status: 'True' | 'False' | 'Unknown') => ({
  type,
  status,
  reason: 'X',
  message: '',
  lastTransitionTime: '',
});

test('status becomes gauges, and what is gone leaves none behind', async () => {
  const cell = {
    metadata: { name: 'cell-b' },
    spec: { zone: 'zone-b' },
    status: {
      weight: 40,
      drain: { phase: 'Blocked' },
      conditions: [condition('Ready', 'True'), condition('CapacityBlocked', 'Unknown')],
    },
  } as unknown as Cell;
  const fresh = { metadata: { name: 'acme' }, spec: {} } as unknown as Workspace;
  const cells = new Map([['chat/cell-b', cell]]);
  const registry = new Registry();
  resourceMetrics(registry, {
    cells,
    rings: new Map(),
    workspaces: new Map([['chat/acme', fresh]]),
    practices: new Map(),
  });
  const text = await registry.metrics();
  for (const line of [
    'resource_condition{kind="Cell",name="cell-b",type="Ready"} 1',
    'resource_condition{kind="Cell",name="cell-b",type="CapacityBlocked"} 0',
    'cell_weight{cell="cell-b",zone="zone-b"} 40',
    'cell_drain_phase{cell="cell-b",phase="Blocked"} 1',
    'cell_drain_phase{cell="cell-b",phase="None"} 0',
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`);
  assert.ok(!text.includes('acme'));

  cells.clear();
  assert.ok(!(await registry.metrics()).includes('cell-b'));
});
