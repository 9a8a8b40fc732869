import { Counter, Gauge, type Registry } from 'prom-client';
import { TYPE_URLS } from '../contract/control.ts';
import { ENVOY, shortType } from '../xds/types.ts';

export type Metrics = ReturnType<typeof createMetrics>;

/** `edges`: names of the Cells whose edges this replica serves. */
export function createMetrics(registry: Registry, nodeCount: () => number, edges: () => Iterable<string>) {
  const registers = [registry];
  new Gauge({
    name: 'xds_nodes',
    help: 'Envoys and dataplane processes connected to this replica.',
    registers,
    collect() {
      this.set(nodeCount());
    },
  });
  return {
    acks: new Counter({
      name: 'xds_acks_total',
      help: 'Responses accepted by nodes.',
      labelNames: ['type'],
      registers,
    }),
    nacks: new Counter({
      name: 'xds_nacks_total',
      help: 'Responses refused by nodes.',
      labelNames: ['type'],
      registers,
      // From 0, so that the first refusal is an increase.
      collect() {
        for (const url of [...Object.values(ENVOY), ...Object.values(TYPE_URLS)]) this.inc({ type: shortType(url) }, 0);
      },
    }),
    refused: new Counter({
      name: 'snapshot_refused_total',
      help: 'Snapshots not published, the last good one being kept.',
      labelNames: ['group'],
      registers,
      collect() {
        for (const group of edges()) this.inc({ group }, 0);
      },
    }),
    paused: new Gauge({
      name: 'xds_paused',
      help: '1 while this replica has closed its streams because another one is ahead of it.',
      registers,
    }),
    ringEpoch: new Gauge({
      name: 'ring_epoch',
      help: 'Epoch of the slot table as last read.',
      labelNames: ['ring'],
      registers,
    }),
    ringMoves: new Counter({
      name: 'ring_moves_total',
      help: 'Planned handoffs started by this replica.',
      labelNames: ['ring', 'reason'],
      registers,
    }),
    ringCommits: new Counter({
      name: 'ring_commits_total',
      help: 'Compare-and-set of a slot table by this replica, by outcome.',
      labelNames: ['ring', 'outcome'],
      registers,
    }),
    zonePairRequests: new Counter({
      name: 'zone_pair_requests_total',
      help: 'Requests of the three hops that finished, as told by the nodes that report to this replica.',
      labelNames: ['hop', 'observer_zone', 'target_zone'],
      registers,
    }),
    zonePairErrors: new Counter({
      name: 'zone_pair_errors_total',
      help: 'Those of them that failed for a reason that lies with target or path.',
      labelNames: ['hop', 'observer_zone', 'target_zone'],
      registers,
    }),
    zonePairSeconds: new Counter({
      name: 'zone_pair_seconds_total',
      help: 'Sum of their latencies, in seconds; the edges report none.',
      labelNames: ['hop', 'observer_zone', 'target_zone'],
      registers,
    }),
    clockSkewMs: new Gauge({
      name: 'clock_skew_ms',
      help: "Own wall clock less the store's.",
      registers,
    }),
    storeErrors: new Counter({
      name: 'store_errors_total',
      help: 'Reads or writes of the store that failed.',
      registers,
    }),
  };
}
