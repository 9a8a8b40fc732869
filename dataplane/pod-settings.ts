/** Settings that the dataplane roles share; the operator sets them in every Pod. */
import { duration, integer, list, type Settings, text } from '../cells/contract/process/config.ts';
import { parseSessionKeys } from './auth/session-tokens.ts';

const port = { min: 0, max: 65_535 };

/** Who the process is, and where its store is: all dataplane roles. */
export const podSettings = {
  podName: text('POD_NAME', 'Name of the Pod.'),
  podUid: text('POD_UID', 'Uid of the Pod: part of the incarnation.'),
  podIp: text('POD_IP', 'Address to listen on, and source address of links.'),
  cell: text('CELL', 'Name of the Cell.'),
  zone: text('ZONE', 'Zone of the Cell.'),
  region: text('REGION', 'Region of the Cell.'),
  storeUrl: text('STORE_URL', 'mysql://user:password@host:port/database or sqlite:/path.'),
  slowMs: duration(
    'SLOW_CALL',
    'A call to another process, or an event on its way to one, that takes longer counts as failed in the load reports.',
    '250ms',
  ),
  adminPort: integer('ADMIN_PORT', 'Port of /livez, /readyz and /metrics.', port, '9090'),
  otlpEndpoint: text('OTEL_EXPORTER_OTLP_ENDPOINT', 'OTLP/HTTP receiver for traces; empty for none.', ''),
} as const satisfies Settings;

/** What the roles that clients connect to need beside that: gateway and api. */
export const frontSettings = {
  sessionKeys: {
    ...text(
      'SESSION_KEY',
      'Base64 of at least 32 bytes, the same for all gateways and api servers; more, by commas, to rotate.',
    ),
    parse: parseSessionKeys,
  },
  xdsAddresses: list('XDS_ADDRESSES', "host:port of the control plane's replicas, the own zone's first."),
  stateDir: text('STATE_DIR', 'Directory for the last good configuration; empty for none.', ''),
  port: integer('PORT', 'Port that the edges send to.', port, '8080'),
} as const satisfies Settings;
