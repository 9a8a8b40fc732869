/** The messages of the delta ADS stream, and its one method. Shared by client and server. */
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';
import { type Codec, Codecs } from './codec.ts';
import { DESCRIPTORS } from './descriptors.generated.ts';

export interface XdsNode {
  id: string;
  cluster?: string;
  metadata?: Struct;
}
/** google.protobuf.Struct, of which we use flat string fields. protobufjs brings it with camelCase names. */
export interface Struct {
  fields: Record<string, { stringValue?: string }>;
}

export interface DeltaRequest {
  /** Only in the first request of a stream. */
  node?: XdsNode;
  type_url: string;
  resource_names_subscribe?: string[];
  resource_names_unsubscribe?: string[];
  initial_resource_versions?: Record<string, string>;
  response_nonce?: string;
  /** Present in a NACK. */
  error_detail?: { code?: number; message: string };
}

export interface DeltaResource {
  name: string;
  version: string;
  resource?: { type_url: string; value: Uint8Array };
}

export interface DeltaResponse {
  system_version_info: string;
  resources: DeltaResource[];
  type_url: string;
  removed_resources: readonly string[];
  nonce: string;
}

export const codecs = new Codecs(DESCRIPTORS);

/** A method whose requests and responses are both streams. `path`: `/<service>/<method>`. */
export function streamMethod<Request, Response>(
  path: string,
  request: Codec<Request>,
  response: Codec<Response>,
): MethodDefinition<Request, Response> {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: request.encode,
    requestDeserialize: request.decode,
    responseSerialize: response.encodeTyped,
    responseDeserialize: response.decode,
  };
}

export const ADS_SERVICE = {
  DeltaAggregatedResources: streamMethod(
    '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources',
    codecs.codec<DeltaRequest>('envoy.service.discovery.v3.DeltaDiscoveryRequest'),
    codecs.codec<DeltaResponse>('envoy.service.discovery.v3.DeltaDiscoveryResponse'),
  ),
} as const satisfies ServiceDefinition;

export const struct = (values: Readonly<Record<string, string>>): Struct => ({
  fields: Object.fromEntries(Object.entries(values).map(([k, v]) => [k, { stringValue: v }])),
});
export const structText = (s: Struct | undefined, key: string): string => s?.fields[key]?.stringValue ?? '';
