/** The server's end of load reports (LRS): who reports, how often, and what. What it means is for `onReport` to say. */
import { type ServerDuplexStream, status } from '@grpc/grpc-js';
import type { ClusterStats, LoadStatsRequest, LoadStatsResponse } from '../contract/lrs/messages.ts';
import type { Logger } from '../contract/process/log.ts';
import { type NodeInfo, nodeInfo } from './node.ts';

export interface LoadReports {
  intervalMs: number;
  onReport: (node: NodeInfo, stats: readonly ClusterStats[]) => void;
}

export type LoadStream = ServerDuplexStream<LoadStatsRequest, LoadStatsResponse>;

/** Asks for all clusters, endpoint by endpoint, and hands on what comes until the stream ends. */
export function acceptLoadReports(stream: LoadStream, { intervalMs, onReport }: LoadReports, log: Logger): void {
  let node: NodeInfo | undefined;
  stream.on('data', ({ node: introduced, cluster_stats }: LoadStatsRequest) => {
    if (node === undefined) {
      if (!introduced?.id) {
        stream.emit('error', { code: status.INVALID_ARGUMENT, details: 'the first request names no node' });
        return;
      }
      node = nodeInfo(introduced);
      stream.write({
        send_all_clusters: true,
        report_endpoint_granularity: true,
        load_reporting_interval: {
          seconds: Math.trunc(intervalMs / 1_000),
          nanos: Math.round((intervalMs % 1_000) * 1e6),
        },
      });
    }
    try {
      onReport(node, cluster_stats);
    } catch (err: unknown) {
      log.error({ err, node: node.id }, 'load report refused');
    }
  });
  stream.on('end', () => stream.end());
  stream.on('error', () => {}); // the node comes back by itself
}
