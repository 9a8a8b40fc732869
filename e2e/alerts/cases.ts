/**
 * What each alert must and must not fire on. A series is promtool's notation: `start+step x times`, one sample every
 * 30 s.
 */
export interface Case {
  alert: string;
  /** Why it fires, or why not. */
  name: string;
  series: Readonly<Record<string, string>>;
  /** Minutes after the first sample. */
  atMinutes: number;
  /** Labels of the alerts that fire, severity aside; empty: none. */
  fires: readonly Readonly<Record<string, string>>[];
}

/** A histogram whose observations all lie in the bucket `le`. */
const all = (name: string, le: string, labels = ''): Record<string, string> =>
  Object.fromEntries(
    ['0.02', '0.05', '0.1', '0.5', '1', '2.5', '+Inf'].map((bound) => [
      `${name}_bucket{le="${bound}"${labels && `,${labels}`}}`,
      bound === '+Inf' || Number(bound) >= Number(le) ? '0+300x60' : '0x60',
    ]),
  );

const steady = (value: string): string => `${value}x60`;
const pair = (hop: string, zones: string): string => `{hop="${hop}",${zones}}`;
const TO_B = 'observer_zone="zone-a",target_zone="zone-b"';

export const CASES: readonly Case[] = [
  {
    alert: 'ChatcellsDeliverySlow',
    name: 'one region is slow, another is not',
    series: {
      ...all('message_delivery_latency', '1', 'region="eu"'),
      ...all('message_delivery_latency', '0.1', 'region="us"'),
    },
    atMinutes: 12,
    fires: [{ region: 'eu' }],
  },
  {
    alert: 'ChatcellsDeliverySlow',
    name: 'slow for less than five minutes',
    series: all('message_delivery_latency', '1', 'region="eu"'),
    atMinutes: 4,
    fires: [],
  },
  {
    alert: 'ChatcellsDeliverySlow',
    name: 'nothing is delivered',
    series: { 'message_delivery_latency_bucket{le="+Inf",region="eu"}': steady('7+0') },
    atMinutes: 12,
    fires: [],
  },
  {
    alert: 'ChatcellsGatewayLosesSockets',
    name: 'one of two gateways loses 12,000 a minute',
    series: {
      'ws_closes_total{gateway_id="g1",code="1006"}': '0+6000x60',
      'ws_closes_total{gateway_id="g2",code="1006"}': '0+3000x60',
    },
    atMinutes: 5,
    fires: [{ gateway_id: 'g1' }],
  },
  {
    alert: 'ChatcellsGatewayLosesSockets',
    name: 'planned sheds, and what clients closed themselves',
    series: {
      'ws_closes_total{gateway_id="g1",code="4001"}': '0+60000x60',
      'ws_closes_total{gateway_id="g1",code="1000"}': '0+60000x60',
      'ws_closes_total{gateway_id="g1",code="4500"}': '0+60000x60',
    },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsGatewayLosesSockets',
    name: 'many gateways lose a few each',
    series: Object.fromEntries(
      [1, 2, 3, 4, 5].map((g) => [`ws_closes_total{gateway_id="g${g}",code="1006"}`, '0+3000x60']),
    ),
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsZoneErrors',
    name: 'a tenth of the requests to one zone fails',
    series: {
      [`zone_pair_requests_total${pair('edge', TO_B)}`]: '0+1000x60',
      [`zone_pair_errors_total${pair('edge', TO_B)}`]: '0+100x60',
      [`zone_pair_requests_total${pair('edge', 'observer_zone="zone-a",target_zone="zone-c"')}`]: '0+1000x60',
      [`zone_pair_errors_total${pair('edge', 'observer_zone="zone-a",target_zone="zone-c"')}`]: '0+1x60',
    },
    atMinutes: 6,
    fires: [{ hop: 'edge', target_zone: 'zone-b' }],
  },
  {
    alert: 'ChatcellsZoneErrors',
    name: 'two requests failed in a quiet night',
    series: {
      [`zone_pair_requests_total${pair('edge', TO_B)}`]: '0+2x60',
      [`zone_pair_errors_total${pair('edge', TO_B)}`]: '0+1x60',
    },
    atMinutes: 6,
    fires: [],
  },
  {
    alert: 'ChatcellsStoreFails',
    name: 'transactions fail',
    series: { 'append_failures_total{code="store_unavailable"}': '0+30x60' },
    atMinutes: 6,
    fires: [{}],
  },
  {
    alert: 'ChatcellsStoreFails',
    name: 'fences in a rebalancing are no failure of the store',
    series: {
      'append_failures_total{code="fenced"}': '0+300x60',
      'append_failures_total{code="store_unavailable"}': '0 0 1x60',
    },
    atMinutes: 6,
    fires: [],
  },
  {
    alert: 'ChatcellsPersistSlow',
    name: 'commits take 100 ms',
    series: all('message_persist_latency', '0.1'),
    atMinutes: 12,
    fires: [{}],
  },
  {
    alert: 'ChatcellsPersistSlow',
    name: 'commits take 20 ms',
    series: all('message_persist_latency', '0.02'),
    atMinutes: 12,
    fires: [],
  },
  {
    alert: 'ChatcellsClockSkew',
    name: 'one clock is two seconds behind',
    series: { 'clock_skew_ms{instance="c1"}': steady('-2000+0'), 'clock_skew_ms{instance="c2"}': steady('40+0') },
    atMinutes: 5,
    fires: [{ instance: 'c1' }],
  },
  {
    alert: 'ChatcellsClockSkew',
    name: 'a control-plane replica is 20 s ahead',
    series: { 'clock_skew_ms{instance="x1"}': steady('20000+0'), 'clock_skew_ms{instance="c1"}': steady('40+0') },
    atMinutes: 5,
    fires: [{ instance: 'x1' }],
  },
  {
    alert: 'ChatcellsClockSkew',
    name: 'one bad reading',
    series: { 'clock_skew_ms{instance="c1"}': '0 0 2000 0x60' },
    atMinutes: 1,
    fires: [],
  },
  {
    alert: 'ChatcellsSlotsUnowned',
    name: 'one of four servers is gone, and nobody took over',
    series: {
      'ring_epoch{ring="main",instance="x1"}': steady('7+0'),
      'ring_epoch{ring="main",instance="x2"}': steady('7+0'),
      ...Object.fromEntries([1, 2, 3].map((n) => [`ring_slots_owned{instance="c${n}"}`, steady('4096+0')])),
    },
    atMinutes: 5,
    fires: [{}],
  },
  {
    alert: 'ChatcellsSlotsUnowned',
    name: 'every channel server is gone',
    series: { 'ring_epoch{ring="main",instance="x1"}': steady('7+0') },
    atMinutes: 5,
    fires: [{}],
  },
  {
    alert: 'ChatcellsSlotsUnowned',
    name: 'a handful of slots are being handed over',
    series: {
      'ring_epoch{ring="main"}': steady('7+0'),
      'ring_slots_owned{instance="c1"}': steady('16300+0'),
    },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsFailover',
    name: 'a standby took 500 slots over',
    series: { 'ring_takeovers_total{instance="c1"}': '0 0 0 0 500x60' },
    atMinutes: 4,
    fires: [{}],
  },
  {
    alert: 'ChatcellsFailover',
    name: 'an old takeover',
    series: { 'ring_takeovers_total{instance="c1"}': '0 0 500x60' },
    atMinutes: 20,
    fires: [],
  },
  {
    alert: 'ChatcellsChannelServerFull',
    name: 'more than 20 million channels',
    series: { 'channel_server_channels_per_host{instance="c1"}': steady('21000000+0') },
    atMinutes: 15,
    fires: [{ instance: 'c1' }],
  },
  {
    alert: 'ChatcellsChannelServerFull',
    name: '16 million are what it is made for',
    series: { 'channel_server_channels_per_host{instance="c1"}': steady('16000000+0') },
    atMinutes: 15,
    fires: [],
  },
  {
    alert: 'ChatcellsDrainBlocked',
    name: 'one Cell is blocked, seen by both replicas of the operator',
    series: {
      'cell_drain_phase{cell="cell-b",phase="Blocked",instance="o1"}': steady('1+0'),
      'cell_drain_phase{cell="cell-b",phase="Blocked",instance="o2"}': steady('1+0'),
    },
    atMinutes: 5,
    fires: [{ cell: 'cell-b' }],
  },
  {
    alert: 'ChatcellsDrainBlocked',
    name: 'a drain that goes on',
    series: {
      'cell_drain_phase{cell="cell-b",phase="Blocked"}': steady('0+0'),
      'cell_drain_phase{cell="cell-b",phase="Draining"}': steady('1+0'),
    },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsDrainOverdue',
    name: 'one Cell is past its deadline, seen by both replicas of the operator',
    series: {
      'resource_condition{kind="Cell",name="cell-b",type="DrainOverdue",instance="o1"}': steady('1+0'),
      'resource_condition{kind="Cell",name="cell-b",type="DrainOverdue",instance="o2"}': steady('1+0'),
      'resource_condition{kind="Cell",name="cell-a",type="DrainOverdue",instance="o1"}': steady('0+0'),
    },
    atMinutes: 2,
    fires: [{ name: 'cell-b' }],
  },
  {
    alert: 'ChatcellsDrainOverdue',
    name: 'drains in time, and other conditions that are True',
    series: {
      'resource_condition{kind="Cell",name="cell-b",type="DrainOverdue"}': steady('0+0'),
      'resource_condition{kind="Cell",name="cell-b",type="Draining"}': steady('1+0'),
    },
    atMinutes: 2,
    fires: [],
  },
  {
    alert: 'ChatcellsPracticeFailed',
    name: 'the last run of one practice was aborted, that of another was not',
    series: {
      'resource_condition{kind="PracticeDrain",name="weekly",type="LastRunSucceeded",instance="o1"}': steady('0+0'),
      'resource_condition{kind="PracticeDrain",name="weekly",type="LastRunSucceeded",instance="o2"}': steady('0+0'),
      'resource_condition{kind="PracticeDrain",name="daily",type="LastRunSucceeded",instance="o1"}': steady('1+0'),
    },
    atMinutes: 5,
    fires: [{ name: 'weekly' }],
  },
  {
    alert: 'ChatcellsPracticeFailed',
    name: 'never run, and running',
    series: {
      'resource_condition{kind="PracticeDrain",name="weekly",type="Ready"}': steady('1+0'),
      'resource_condition{kind="PracticeDrain",name="weekly",type="Running"}': steady('0+0'),
    },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsGatewayFails',
    name: 'the only gateway of a Cell fails',
    series: {
      'resource_condition{kind="Cell",name="cell-b",type="GatewayFailure"}': '0x4 1x56',
      'resource_condition{kind="Cell",name="cell-a",type="GatewayFailure"}': steady('0+0'),
    },
    atMinutes: 10,
    fires: [{ name: 'cell-b' }],
  },
  {
    alert: 'ChatcellsGatewayFails',
    name: 'one is drained and replaced within three minutes',
    series: { 'resource_condition{kind="Cell",name="cell-b",type="GatewayFailure"}': '0x4 1x6 0x50' },
    atMinutes: 10,
    fires: [],
  },
  {
    alert: 'ChatcellsWorkspaceFails',
    name: 'one workspace fails, another does not',
    series: {
      'resource_condition{kind="Workspace",name="acme",type="RequestsFail"}': steady('1+0'),
      'resource_condition{kind="Workspace",name="globex",type="RequestsFail"}': steady('0+0'),
    },
    atMinutes: 10,
    fires: [{ name: 'acme' }],
  },
  {
    alert: 'ChatcellsWorkspaceFails',
    name: 'for two minutes',
    series: { 'resource_condition{kind="Workspace",name="acme",type="RequestsFail"}': '0x4 1x4 0x52' },
    atMinutes: 10,
    fires: [],
  },
  {
    alert: 'ChatcellsNotReady',
    name: 'a Cell without its Pods, a ring that lists a Cell that is not there',
    series: {
      'resource_condition{kind="Cell",name="cell-b",type="Ready"}': steady('0+0'),
      'resource_condition{kind="Cell",name="cell-a",type="Ready"}': steady('1+0'),
      'resource_condition{kind="ChannelRing",name="main",type="Degraded"}': steady('1+0'),
    },
    atMinutes: 15,
    fires: [
      { kind: 'Cell', name: 'cell-b' },
      { kind: 'ChannelRing', name: 'main' },
    ],
  },
  {
    alert: 'ChatcellsNotReady',
    name: 'a rollout of five minutes',
    series: { 'resource_condition{kind="Cell",name="cell-b",type="Ready"}': '0x10 1x50' },
    atMinutes: 15,
    fires: [],
  },
  {
    alert: 'ChatcellsNoControlPlane',
    name: 'none is scraped',
    series: { 'up{job="other"}': steady('1+0') },
    atMinutes: 5,
    fires: [{}],
  },
  {
    alert: 'ChatcellsNoControlPlane',
    name: 'one of three is left',
    series: { 'xds_nodes{instance="x1"}': steady('9+0') },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsConfigurationRefused',
    name: 'the first refusal of all',
    series: { 'xds_nacks_total{type="Cluster",instance="x1"}': '0 0 0 0 1x60' },
    atMinutes: 4,
    fires: [{ type: 'Cluster' }],
  },
  {
    alert: 'ChatcellsConfigurationRefused',
    name: 'a snapshot that the control plane itself refused',
    series: { 'snapshot_refused_total{group="cell-a"}': '0 0 0 0 1x60' },
    atMinutes: 4,
    fires: [{ group: 'cell-a' }],
  },
  {
    alert: 'ChatcellsConfigurationRefused',
    name: 'a refusal that stands',
    series: { 'resource_condition{kind="Cell",name="cell-a",type="ConfigurationRefused"}': '1x60' },
    atMinutes: 30,
    fires: [{ name: 'cell-a' }],
  },
  {
    alert: 'ChatcellsConfigurationRefused',
    name: 'refusals of yesterday',
    series: { 'xds_nacks_total{type="Cluster"}': steady('5+0'), 'snapshot_refused_total{group="cell-a"}': '5x60' },
    atMinutes: 10,
    fires: [],
  },
  {
    alert: 'ChatcellsNoLeader',
    name: 'two standbys, no leader',
    series: {
      'leader_election_master_status{instance="o1"}': steady('0+0'),
      'leader_election_master_status{instance="o2"}': steady('0+0'),
    },
    atMinutes: 5,
    fires: [{}],
  },
  {
    alert: 'ChatcellsNoLeader',
    name: 'the operator is gone altogether',
    series: { 'up{job="other"}': steady('1+0') },
    atMinutes: 5,
    fires: [{}],
  },
  {
    alert: 'ChatcellsNoLeader',
    name: 'one leads',
    series: {
      'leader_election_master_status{instance="o1"}': steady('1+0'),
      'leader_election_master_status{instance="o2"}': steady('0+0'),
    },
    atMinutes: 5,
    fires: [],
  },
  {
    alert: 'ChatcellsReconcileFails',
    name: 'one object that fails at every try, however seldom it is tried',
    series: { 'controller_failing_keys{controller="cell"}': '0 1x60' },
    atMinutes: 25,
    fires: [{ controller: 'cell' }],
  },
  {
    alert: 'ChatcellsReconcileFails',
    name: 'a conflict now and then',
    series: { 'controller_failing_keys{controller="cell"}': '0 1 0 0 1 1 0x60' },
    atMinutes: 25,
    fires: [],
  },
  {
    alert: 'ChatcellsWatchMissedEvents',
    name: 'the audit found a change that the watch had not brought',
    series: { 'missed_events_total{resource="Pod"}': '0 0 0 1x60' },
    atMinutes: 10,
    fires: [{ resource: 'Pod' }],
  },
  {
    alert: 'ChatcellsWatchMissedEvents',
    name: 'none missed',
    series: { 'missed_events_total{resource="Pod"}': '0x60' },
    atMinutes: 10,
    fires: [],
  },
];
