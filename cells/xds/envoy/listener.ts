/** The edge's one listener. It must not change while it serves: a changed listener kills its WebSockets. Pure. */
import { type Resource, resource } from '../snapshot.ts';
import { ENVOY } from '../types.ts';
import { ADS, any, encodeMessage, type Message, seconds, uint } from './messages.ts';
import { ROUTES } from './routes.ts';

const HCM = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager';
const ROUTER = 'envoy.extensions.filters.http.router.v3.Router';

/** What the edge itself answers when nobody behind it does, in the form of the Web API: clients try again. */
const LOCAL_REPLY: Message = {
  mappers: [
    {
      filter: {
        status_code_filter: {
          comparison: { op: 'GE', value: { default_value: 500, runtime_key: 'edge.local_reply' } },
        },
      },
      body_format_override: {
        text_format_source: { inline_string: '{"ok":false,"error":"service_unavailable"}\n' },
        content_type: 'application/json',
      },
    },
  ],
};

const connectionManager: Message = {
  stat_prefix: 'edge',
  codec_type: 'AUTO',
  rds: { route_config_name: ROUTES, config_source: ADS },
  http_filters: [{ name: 'envoy.filters.http.router', typed_config: any(ROUTER, {}) }],
  // Off here, on for /ws alone, where the route sets its timeouts to 0 too.
  upgrade_configs: [{ upgrade_type: 'websocket', enabled: { value: false } }],
  use_remote_address: { value: true },
  always_set_request_id_in_response: true,
  normalize_path: { value: true },
  merge_slashes: true,
  path_with_escaped_slashes_action: 'REJECT_REQUEST',
  server_name: 'chatcells',
  local_reply_config: LOCAL_REPLY,
  max_request_headers_kb: uint(32),
  request_headers_timeout: seconds(10),
  common_http_protocol_options: { max_headers_count: uint(100), idle_timeout: seconds(75) },
};

/** Listens on `ip`:`port`, the edge Pod's own address. */
export function listener(ip: string, port: number): Resource {
  const message = {
    name: 'edge',
    address: { socket_address: { address: ip, port_value: port } },
    per_connection_buffer_limit_bytes: uint(65_536),
    filter_chains: [
      {
        filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config: any(HCM, connectionManager) }],
      },
    ],
  };
  return resource('edge', encodeMessage('envoy.config.listener.v3.Listener', message), [
    { type: ENVOY.route, name: ROUTES },
  ]);
}
