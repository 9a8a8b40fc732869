import { type Config, duration, integer, type Settings, text } from '../contract/process/config.ts';

const port = { min: 0, max: 65_535 };

export const settings = {
  namespace: text('POD_NAMESPACE', 'The namespace whose Cells, ChannelRings, Workspaces and Pods are watched.'),
  podName: text('POD_NAME', 'Name of the Pod.', 'controlplane'),
  podIp: text('POD_IP', 'Address to listen on.', '0.0.0.0'),
  storeUrl: text('STORE_URL', 'mysql://user:password@host:port/database or sqlite:/path.'),
  stateDir: text('STATE_DIR', 'Directory for the last good snapshot; empty for none.', ''),
  xdsPort: integer('XDS_PORT', 'Port of the delta ADS server.', port, '18000'),
  adminPort: integer('ADMIN_PORT', 'Port of /livez, /readyz, /metrics and /debug/v1.', port, '18080'),
  tablePollMs: duration('TABLE_POLL', 'How often the slot tables are read.', '250ms'),
  ringPeriodMs: duration('RING_PERIOD', 'How often heartbeats are read and the rings are planned.', '1s'),
  kubeconfig: text('KUBECONFIG', 'Kubeconfig file; empty takes the account of the Pod.', ''),
  kubernetesServiceHost: text('KUBERNETES_SERVICE_HOST', 'Set by Kubernetes in a Pod.', ''),
} as const satisfies Settings;

export type ControlplaneConfig = Config<typeof settings>;
