/** Who is at the other end of a stream, by what it says of itself. */
import { structText, type XdsNode } from '../contract/ads/messages.ts';

export interface NodeInfo {
  id: string;
  cluster: string;
  role: string;
  cell: string;
  zone: string;
  /** The node's own address, in edges' metadata. */
  podIp: string;
}

export const nodeInfo = ({ id, cluster, metadata }: XdsNode): NodeInfo => ({
  id,
  cluster: cluster ?? '',
  role: structText(metadata, 'role'),
  cell: structText(metadata, 'cell'),
  zone: structText(metadata, 'zone'),
  podIp: structText(metadata, 'pod_ip'),
});
