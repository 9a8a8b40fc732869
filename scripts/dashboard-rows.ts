/** What the dashboard shows. A row answers one question, from what users feel down to the machinery. */

export interface PanelSpec {
  title: string;
  /** What it shows and what is good, in a sentence. */
  about: string;
  /** Grafana's unit: s, ms, ops, percent, percentunit, short, bytes. */
  unit: string;
  /** [PromQL, legend]; `$r` is the rate's window. */
  queries: readonly (readonly [expr: string, legend: string])[];
  /** Drawn as a red line. */
  limit?: number;
}

const p = (q: number, metric: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by && `, ${by}`}) (rate(${metric}_bucket[$r])))`;

export const ROWS: readonly (readonly [title: string, panels: readonly PanelSpec[]])[] = [
  [
    'What users see',
    [
      {
        title: 'Delivery latency',
        about: 'From post to the hand-over to the last socket of each gateway. Alerts above 500 ms.',
        unit: 's',
        queries: [
          [p(0.5, 'message_delivery_latency', 'region'), 'p50 {{region}}'],
          [p(0.99, 'message_delivery_latency', 'region'), 'p99 {{region}}'],
        ],
        limit: 0.5,
      },
      {
        title: 'Posts through sockets',
        about: 'By outcome; errors are refusals and failures alike.',
        unit: 'ops',
        queries: [['sum by (outcome) (rate(posts_total[$r]))', '{{outcome}}']],
      },
      {
        title: 'Web API requests by status',
        about: 'Slack answers errors of the caller with 200: 5xx are ours.',
        unit: 'ops',
        queries: [['sum by (code) (rate(http_requests_total[$r]))', '{{code}}']],
      },
      {
        title: 'Web API latency, p99 of the slowest methods',
        about: 'Five slowest.',
        unit: 's',
        queries: [[`topk(5, ${p(0.99, 'http_request_seconds', 'method')})`, '{{method}}']],
      },
      {
        title: 'Open sockets',
        about: 'By gateway. A drain takes a Cell to 0.',
        unit: 'short',
        queries: [['sum by (gateway_id) (ws_connections_active)', '{{gateway_id}}']],
      },
      {
        title: 'Sockets opened',
        about: 'resume: came back after a close. fresh: with a ticket. A wave of them is a mass reconnect.',
        unit: 'ops',
        queries: [
          ['sum by (kind) (rate(ws_connects_total[$r]))', '{{kind}}'],
          ['sum by (region) (reconnection_rate)', 'resumes {{region}}, last minute'],
        ],
      },
      {
        title: 'Sockets closed by code',
        about:
          '4000 shutdown, 4001 drain, 4002 reads too slowly, 4003 no heartbeat, 1006 lost; docs/client-protocol.md.',
        unit: 'ops',
        queries: [
          ['sum by (code) (rate(ws_closes_total[$r]))', '{{code}}'],
          ['sum(rate(ws_slow_consumers_total[$r]))', 'slow consumers'],
        ],
      },
    ],
  ],
  [
    'Zones and pairs',
    [
      {
        title: 'Failed requests by pair of zones',
        about: 'observer → target, by hop. A bad zone is bad in every pair that touches it. Alerts above 5 %.',
        unit: 'percentunit',
        queries: [
          [
            'sum by (hop, observer_zone, target_zone) (rate(zone_pair_errors_total[$r])) / sum by (hop, observer_zone, target_zone) (rate(zone_pair_requests_total[$r]))',
            '{{hop}} {{observer_zone}} → {{target_zone}}',
          ],
        ],
        limit: 0.05,
      },
      {
        title: 'Requests by pair of zones',
        about: 'What the rates beside are shares of.',
        unit: 'ops',
        queries: [
          [
            'sum by (hop, observer_zone, target_zone) (rate(zone_pair_requests_total[$r]))',
            '{{hop}} {{observer_zone}} → {{target_zone}}',
          ],
        ],
      },
      {
        title: 'Mean latency by pair of zones',
        about: 'Of the hops to owners and to gateways; edges report no latency.',
        unit: 's',
        queries: [
          [
            'sum by (hop, observer_zone, target_zone) (rate(zone_pair_seconds_total{hop!="edge"}[$r])) / sum by (hop, observer_zone, target_zone) (rate(zone_pair_requests_total{hop!="edge"}[$r]))',
            '{{hop}} {{observer_zone}} → {{target_zone}}',
          ],
        ],
      },
    ],
  ],
  [
    'Cells and drains',
    [
      {
        title: 'Weight in force',
        about: 'Percent. A drain goes down by a step every 2 s.',
        unit: 'percent',
        queries: [['max by (cell) (cell_weight)', '{{cell}}']],
      },
      {
        title: 'Phase of the drains',
        about: 'Everything but None. Blocked alerts after two minutes.',
        unit: 'short',
        queries: [['max by (cell, phase) (cell_drain_phase{phase!="None"}) > 0', '{{cell}} {{phase}}']],
      },
      {
        title: 'Conditions that ask for a look',
        about: 'Not Ready, Degraded, blocked or overdue drains; chatctl describe has the words.',
        unit: 'short',
        queries: [
          ['max by (kind, name) (resource_condition{type="Ready"}) == 0', 'not ready: {{kind}} {{name}}'],
          [
            'max by (kind, name, type) (resource_condition{type=~"Degraded|CapacityBlocked|DrainOverdue"}) == 1',
            '{{type}}: {{kind}} {{name}}',
          ],
        ],
      },
    ],
  ],
  [
    'Ring',
    [
      {
        title: 'Slots served',
        about: 'All together 16,384 a ring.',
        unit: 'short',
        queries: [
          ['ring_slots_owned', '{{instance}}'],
          ['sum(ring_slots_owned)', 'all'],
        ],
      },
      {
        title: 'Slots that changed hands',
        about: 'Handoffs are planned. A takeover means that a channel server went silent.',
        unit: 'ops',
        queries: [
          ['sum(rate(ring_handoffs_total[$r]))', 'handoffs'],
          ['sum(rate(ring_takeovers_total[$r]))', 'takeovers'],
          ['sum(rate(ring_slots_fenced_total[$r]))', 'fenced'],
          ['sum by (reason) (rate(ring_moves_total[$r]))', 'planned: {{reason}}'],
        ],
      },
      {
        title: 'Pause of a handoff',
        about: 'From the freeze of a slot at its old owner until the new one serves it.',
        unit: 's',
        queries: [
          [p(0.5, 'ring_handoff_pause_seconds'), 'p50'],
          [p(0.99, 'ring_handoff_pause_seconds'), 'p99'],
        ],
        limit: 0.25,
      },
      {
        title: 'Topics in memory',
        about: 'Per channel server. Alerts above 20 million.',
        unit: 'short',
        queries: [['channel_server_channels_per_host', '{{instance}}']],
      },
      {
        title: 'Epoch of the slot table',
        about: 'As each replica last read it: they are to be equal.',
        unit: 'short',
        queries: [
          ['max by (ring) (ring_epoch)', '{{ring}} newest'],
          ['min by (ring) (ring_epoch)', '{{ring}} oldest'],
        ],
      },
      {
        title: 'Links and what waits on them',
        about: 'Bytes that grow mean a peer that does not read; its link is cut when the queue is full.',
        unit: 'short',
        queries: [
          ['sum(links_open)', 'links'],
          ['sum(link_queue_bytes)', 'bytes queued'],
          ['sum(rate(links_cut_total[$r]))', 'cut a second'],
        ],
      },
      {
        title: 'Copies of an event, mean',
        about: 'Gateways that an event is sent to, by users of the channel.',
        unit: 'short',
        queries: [
          [
            'sum by (channel_size_bucket) (rate(fan_out_ratio_sum[$r])) / sum by (channel_size_bucket) (rate(fan_out_ratio_count[$r]))',
            'up to {{channel_size_bucket}}',
          ],
        ],
      },
    ],
  ],
  [
    'Store',
    [
      {
        title: 'Time to store a message',
        about: 'From its arrival at the owner to its commit. Alerts above 50 ms (p99).',
        unit: 's',
        queries: [
          [p(0.5, 'message_persist_latency'), 'p50'],
          [p(0.99, 'message_persist_latency'), 'p99'],
        ],
        limit: 0.05,
      },
      {
        title: 'Rows of a transaction',
        about: 'Group commit: more rows when the store is slower.',
        unit: 'short',
        queries: [['sum(rate(group_commit_rows_sum[$r])) / sum(rate(group_commit_rows_count[$r]))', 'mean']],
      },
      {
        title: 'Transactions that did not commit',
        about: 'store_unavailable is the store; fenced and store_conflict are normal while slots move.',
        unit: 'ops',
        queries: [
          ['sum by (code) (rate(append_failures_total[$r]))', '{{code}}'],
          ['sum(rate(store_errors_total[$r]))', 'control plane'],
          ['sum(rate(projection_retries_total[$r]))', 'outbox retries'],
        ],
      },
      {
        title: 'Clock less the store’s',
        about:
          'Alerts beyond 1 s; beyond 10 s a channel server owns no slots, and a control-plane replica is not heard on health.',
        unit: 'ms',
        queries: [['clock_skew_ms', '{{instance}}']],
      },
    ],
  ],
  [
    'Control plane',
    [
      {
        title: 'Connected nodes',
        about: 'Envoys and dataplane processes, by replica.',
        unit: 'short',
        queries: [['xds_nodes', '{{instance}}']],
      },
      {
        title: 'Configuration accepted and refused',
        about: 'Any refusal alerts; chatctl proxy-status has the words.',
        unit: 'ops',
        queries: [
          ['sum by (type) (rate(xds_acks_total[$r]))', 'accepted {{type}}'],
          ['sum by (type) (rate(xds_nacks_total[$r])) > 0', 'REFUSED {{type}}'],
          ['sum by (group) (rate(snapshot_refused_total[$r])) > 0', 'NOT PUBLISHED {{group}}'],
        ],
      },
      {
        title: 'Commits of the slot table',
        about: 'lost: another replica was first, which is normal.',
        unit: 'ops',
        queries: [['sum by (ring, outcome) (rate(ring_commits_total[$r]))', '{{ring}} {{outcome}}']],
      },
    ],
  ],
  [
    'Operator',
    [
      {
        title: 'Leader',
        about: '1 for the one that leads.',
        unit: 'short',
        queries: [['leader_election_master_status', '{{instance}}']],
      },
      {
        title: 'Reconciliations',
        about: 'By outcome. At steady state: none but resyncs.',
        unit: 'ops',
        queries: [
          ['sum by (controller, result) (rate(controller_reconcile_total[$r]))', '{{controller}} {{result}}'],
          ['sum by (controller) (rate(controller_reconcile_errors_total[$r])) > 0', 'ERRORS {{controller}}'],
          ['sum by (controller) (controller_failing_keys) > 0', 'FAILING OBJECTS {{controller}}'],
        ],
      },
      {
        title: 'Time of a reconciliation, p99',
        about: 'And the time that its key waited before.',
        unit: 's',
        queries: [
          [p(0.99, 'controller_reconcile_time_seconds', 'controller'), '{{controller}}'],
          [p(0.99, 'workqueue_queue_duration_seconds', 'controller'), '{{controller}} waited'],
        ],
      },
      {
        title: 'Keys that wait, watches that failed',
        about: 'A missed event means that a watch lost a change, which the audit mended.',
        unit: 'short',
        queries: [
          ['sum by (controller) (workqueue_depth)', 'waiting {{controller}}'],
          ['sum by (resource) (increase(watch_failures_total[$r])) > 0', 'watch failed {{resource}}'],
          ['sum by (resource) (missed_events_total) > 0', 'missed {{resource}}'],
        ],
      },
    ],
  ],
  [
    'Processes',
    [
      {
        title: 'CPU',
        about: 'Cores.',
        unit: 'short',
        queries: [['rate(process_cpu_seconds_total[$r])', '{{instance}}']],
      },
      {
        title: 'Memory',
        about: 'Resident.',
        unit: 'bytes',
        queries: [['process_resident_memory_bytes', '{{instance}}']],
      },
      {
        title: 'Event loop delay, p99',
        about: 'Above 100 ms a process is late with everything.',
        unit: 's',
        queries: [['nodejs_eventloop_lag_p99_seconds', '{{instance}}']],
        limit: 0.1,
      },
    ],
  ],
];
