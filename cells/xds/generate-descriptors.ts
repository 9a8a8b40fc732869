/**
 * Writes the trimmed message descriptors that the processes load instead of parsing 594 .proto files:
 *   node cells/xds/generate-descriptors.ts          writes both files
 *   node cells/xds/generate-descriptors.ts --check  exit code 1 when one is out of date
 * Only what the roots below reach is kept, without options and comments; `cut` names fields that we never set and that
 * would pull in large parts of Envoy's API.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const here = dirname(fileURLToPath(import.meta.url));
const packageDir = (name: string): string => dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
const deps = join(packageDir('@grpc/grpc-js-xds'), 'deps');
const INCLUDES = [
  join(here, '../contract/protos'),
  ...['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((d) => join(deps, d)),
  packageDir('protobufjs'),
];

const ADS_ROOTS = [
  'envoy.service.discovery.v3.DeltaDiscoveryRequest',
  'envoy.service.discovery.v3.DeltaDiscoveryResponse',
  'envoy.service.load_stats.v3.LoadStatsRequest',
  'envoy.service.load_stats.v3.LoadStatsResponse',
  'chatcells.v1.SlotRange',
  'chatcells.v1.Workspace',
  'chatcells.v1.DrainOrder',
];
const ENVOY_ROOTS = [
  'envoy.config.cluster.v3.Cluster',
  'envoy.config.endpoint.v3.ClusterLoadAssignment',
  'envoy.config.listener.v3.Listener',
  'envoy.config.route.v3.RouteConfiguration',
  'envoy.extensions.clusters.aggregate.v3.ClusterConfig',
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
  'envoy.extensions.filters.http.router.v3.Router',
];
const FILES = [
  'chatcells/v1/control.proto',
  'envoy/service/discovery/v3/ads.proto',
  'envoy/service/load_stats/v3/lrs.proto',
  'envoy/config/cluster/v3/cluster.proto',
  'envoy/config/listener/v3/listener.proto',
  'envoy/config/route/v3/route.proto',
  'envoy/extensions/clusters/aggregate/v3/cluster.proto',
  'envoy/extensions/upstreams/http/v3/http_protocol_options.proto',
  'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
  'envoy/extensions/filters/http/router/v3/router.proto',
];

interface Kept {
  [name: string]: Kept | unknown;
}

async function loadAll(): Promise<protobuf.Root> {
  const root = new protobuf.Root();
  root.resolvePath = (origin, target) => {
    const common = protobuf.common.get(target);
    if (common) return target;
    for (const dir of INCLUDES) {
      try {
        const path = join(dir, target);
        readFileSync(path);
        return path;
      } catch {
        // the next include directory
      }
    }
    throw new Error(`${target}, imported by ${relative(here, origin)}, is in no include directory`);
  };
  await root.load(FILES, { keepCase: true });
  root.resolveAll();
  return root;
}

function reachable(root: protobuf.Root, names: readonly string[]): Set<protobuf.Type | protobuf.Enum> {
  const seen = new Set<protobuf.Type | protobuf.Enum>();
  const visit = (type: protobuf.Type | protobuf.Enum): void => {
    if (seen.has(type)) return;
    seen.add(type);
    if (type instanceof protobuf.Enum) return;
    for (const field of type.fieldsArray) if (kept(field) && field.resolvedType) visit(field.resolvedType);
  };
  for (const name of names) visit(root.lookupType(name));
  return seen;
}

const kept = (field: protobuf.Field): boolean => field.options?.deprecated !== true;

function describe(type: protobuf.Type | protobuf.Enum): Kept {
  if (type instanceof protobuf.Enum) return { edition: 'proto3', values: type.values };
  const fields: Kept = {};
  for (const field of type.fieldsArray.filter(kept)) {
    const { rule, keyType } = field.toJSON() as { rule?: string; keyType?: string };
    const target = field.resolvedType ? field.resolvedType.fullName : field.type;
    fields[field.name] = { ...(rule ? { rule } : {}), ...(keyType ? { keyType } : {}), type: target, id: field.id };
  }
  const oneofs: Kept = {};
  for (const oneof of type.oneofsArray) {
    const members = oneof.fieldsArray.filter(kept).map((f) => f.name);
    if (members.length > 0) oneofs[oneof.name] = { oneof: members };
  }
  return { edition: 'proto3', ...(Object.keys(oneofs).length > 0 ? { oneofs } : {}), fields };
}

/** The JSON form that protobufjs' Root.fromJSON reads. */
function trim(root: protobuf.Root, names: readonly string[]): { json: Kept; count: number } {
  const types = [...reachable(root, names)].sort((a, b) => (a.fullName < b.fullName ? -1 : 1));
  const json: Kept = { nested: {} };
  for (const type of types) {
    let at = json;
    for (const part of type.fullName.slice(1).split('.')) {
      at.nested ??= {};
      const nested = at.nested as Kept;
      nested[part] ??= {};
      at = nested[part] as Kept;
    }
    Object.assign(at, describe(type));
  }
  return { json, count: types.length };
}

const root = await loadAll();
let stale = false;
for (const [file, names] of [
  ['../contract/ads/descriptors.generated.ts', ADS_ROOTS],
  ['descriptors.generated.ts', [...ADS_ROOTS, ...ENVOY_ROOTS]],
] as const) {
  const { json, count } = trim(root, names);
  const text = `// Generated by cells/xds/generate-descriptors.ts. Do not edit.\n/** ${count} message and enum types in protobufjs' JSON form. */\nexport const DESCRIPTORS =\n  ${JSON.stringify(JSON.stringify(json))};\n`;
  const path = join(here, file);
  if (process.argv.includes('--check')) {
    if (readFileSync(path, 'utf8') === text) continue;
    stale = true;
    process.stderr.write(`${relative(process.cwd(), path)} is out of date: run cells/xds/generate-descriptors.ts\n`);
  } else {
    writeFileSync(path, text);
    process.stderr.write(`${relative(process.cwd(), path)}: ${count} types, ${text.length} bytes\n`);
  }
}
process.exitCode = stale ? 1 : 0;
