/**
 * The load reporting service (LRS) of Envoy's API: how edges and dataplane processes tell the control plane what became
 * of their requests to others. Shared by client and server.
 */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { codecs, streamMethod, type XdsNode } from '../ads/messages.ts';

export interface LoadStatsRequest {
  node?: XdsNode;
  cluster_stats: ClusterStats[];
}

export interface ClusterStats {
  /** `<cell>-<role>`, as in what edges are sent: the processes that were asked. */
  cluster_name: string;
  upstream_locality_stats: LocalityStats[];
}

export interface LocalityStats {
  locality?: { region?: string; zone?: string };
  total_successful_requests?: number;
  total_error_requests?: number;
  upstream_endpoint_stats: EndpointStats[];
}

export interface EndpointStats {
  address?: { socket_address?: { address: string; port_value?: number } };
  total_successful_requests?: number;
  total_error_requests?: number;
  load_metric_stats: MetricStats[];
}

export interface MetricStats {
  metric_name: string;
  num_requests_finished_with_metric?: number;
  total_metric_value?: number;
}

export interface LoadStatsResponse {
  send_all_clusters?: boolean;
  load_reporting_interval?: { seconds?: number; nanos?: number };
  report_endpoint_granularity?: boolean;
}

/** Metrics beside Envoy's own counts; Envoy sends none of them. */
export const METRIC = {
  /** Requests, and the sum of their latencies in ms. */
  latencyMs: 'latency_ms',
  /** `workspace/<id>`: requests of the workspace, and how many of them failed. */
  workspace: 'workspace/',
  /** Of a gateway about itself: sockets that ended without a planned shed or a client's close. */
  disconnects: 'disconnects',
} as const;

export const LRS_SERVICE = {
  StreamLoadStats: streamMethod(
    '/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats',
    codecs.codec<LoadStatsRequest>('envoy.service.load_stats.v3.LoadStatsRequest'),
    codecs.codec<LoadStatsResponse>('envoy.service.load_stats.v3.LoadStatsResponse'),
  ),
} as const satisfies ServiceDefinition;
