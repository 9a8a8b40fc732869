/** Status of the custom resources as gauges, read at each scrape: what alerts and dashboards know of cells and drains. */
import { Gauge, type Registry } from 'prom-client';
import type { Cell, Condition, Kind } from '../crds/index.ts';
import type { World } from './world.ts';

const PHASES = ['None', 'Draining', 'Drained', 'Undraining', 'Blocked', 'Paused'] as const satisfies NonNullable<
  NonNullable<Cell['status']>['drain']
>['phase'][];

interface Observed {
  metadata: { name: string };
  status?: { conditions?: Condition[] };
}

/** Every replica of the operator has the same view: queries take the `max` over them. */
export function resourceMetrics(
  registry: Registry,
  { cells, rings, workspaces, practices }: Pick<World, 'cells' | 'rings' | 'workspaces' | 'practices'>,
): void {
  const registers = [registry];
  const kinds: readonly [Kind, ReadonlyMap<string, Observed>][] = [
    ['Cell', cells],
    ['ChannelRing', rings],
    ['Workspace', workspaces],
    ['PracticeDrain', practices],
  ];
  new Gauge({
    name: 'resource_condition',
    help: 'Conditions of the custom resources: 1 while True, 0 while False or Unknown.',
    labelNames: ['kind', 'name', 'type'],
    registers,
    collect() {
      this.reset();
      for (const [kind, objects] of kinds)
        for (const { metadata, status } of objects.values())
          for (const { type, status: value } of status?.conditions ?? [])
            this.set({ kind, name: metadata.name, type }, value === 'True' ? 1 : 0);
    },
  });
  new Gauge({
    name: 'cell_weight',
    help: 'Weight in force of a Cell, in percent of the share of its zone.',
    labelNames: ['cell', 'zone'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, spec, status } of cells.values())
        if (status?.weight !== undefined) this.set({ cell: metadata.name, zone: spec.zone }, status.weight);
    },
  });
  new Gauge({
    name: 'cell_drain_phase',
    help: `Phase of the drain of a Cell, 1 for the one that it is in: ${PHASES.join(', ')}.`,
    labelNames: ['cell', 'phase'],
    registers,
    collect() {
      this.reset();
      for (const { metadata, status } of cells.values())
        for (const phase of PHASES)
          this.set({ cell: metadata.name, phase }, (status?.drain?.phase ?? 'None') === phase ? 1 : 0);
    },
  });
}
