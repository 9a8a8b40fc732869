/** A container's command, arguments and environment from its Pod, by Kubernetes' rules. Pure. */
import type { ConfigMap, Container, EnvVar, Pod, Secret } from './kube.ts';

/** What the environment may refer to, fetched before. */
export interface EnvSources {
  configMaps: ReadonlyMap<string, ConfigMap>;
  secrets: ReadonlyMap<string, Secret>;
  podIp: string;
  hostIp: string;
}

/** Something named in the Pod that is not there (yet): the kubelet's CreateContainerConfigError. */
export class ConfigError extends Error {}

/**
 * Replaces `$(NAME)` by its value; `$$` is a plain `$`, and an unknown name stays as it is written, as Kubernetes
 * does it.
 */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$(\$|\(([^()]*)\))/g, (whole, after: string, name: string | undefined) => {
    if (after === '$') return '$';
    return name !== undefined && Object.hasOwn(values, name) ? (values[name] ?? '') : whole;
  });
}

/** The environment of a container: envFrom, then env, later ones win and may refer to earlier ones. */
export function containerEnv(
  pod: Pod,
  container: Container,
  base: Readonly<Record<string, string>>,
  sources: EnvSources,
): Record<string, string> {
  const values: Record<string, string> = { ...base };
  for (const from of container.envFrom ?? []) Object.assign(values, importAll(from, sources));
  for (const entry of container.env ?? []) {
    const value = entry.valueFrom ? referred(pod, container, entry, sources) : expand(entry.value ?? '', values);
    if (value !== undefined) values[entry.name] = value;
  }
  return values;
}

/** The names of ConfigMaps and Secrets that the environment of the Pod's containers needs. */
export function envReferences(pod: Pod): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
    for (const { configMapRef, secretRef } of container.envFrom ?? []) {
      if (configMapRef) configMaps.add(configMapRef.name);
      if (secretRef) secrets.add(secretRef.name);
    }
    for (const { valueFrom } of container.env ?? []) {
      if (valueFrom?.configMapKeyRef) configMaps.add(valueFrom.configMapKeyRef.name);
      if (valueFrom?.secretKeyRef) secrets.add(valueFrom.secretKeyRef.name);
    }
  }
  return { configMaps, secrets };
}

function importAll(from: NonNullable<Container['envFrom']>[number], sources: EnvSources): Record<string, string> {
  const reference = from.configMapRef ?? from.secretRef;
  if (!reference) return {};
  const found = from.configMapRef
    ? sources.configMaps.get(reference.name)?.data
    : decoded(sources.secrets.get(reference.name));
  if (!found) {
    const present = from.configMapRef ? sources.configMaps.has(reference.name) : sources.secrets.has(reference.name);
    if (present || reference.optional) return {};
    throw new ConfigError(`${from.configMapRef ? 'configmap' : 'secret'} "${reference.name}" not found`);
  }
  return Object.fromEntries(Object.entries(found).map(([key, value]) => [`${from.prefix ?? ''}${key}`, value]));
}

function referred(pod: Pod, container: Container, entry: EnvVar, sources: EnvSources): string | undefined {
  const { fieldRef, configMapKeyRef, secretKeyRef, resourceFieldRef } = entry.valueFrom ?? {};
  if (fieldRef) return podField(pod, fieldRef.fieldPath, sources);
  if (resourceFieldRef) return container.resources?.limits?.[resourceFieldRef.resource.replace('limits.', '')] ?? '0';
  const reference = configMapKeyRef ?? secretKeyRef;
  if (!reference) return '';
  const kind = configMapKeyRef ? 'configmap' : 'secret';
  const data = configMapKeyRef
    ? sources.configMaps.get(reference.name)?.data
    : decoded(sources.secrets.get(reference.name));
  const value = data?.[reference.key];
  if (value === undefined && !reference.optional) {
    throw new ConfigError(`${kind} "${reference.name}" with key "${reference.key}" not found`);
  }
  return value;
}

function decoded(secret: Secret | undefined): Record<string, string> | undefined {
  if (!secret) return undefined;
  return Object.fromEntries(
    Object.entries(secret.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** The value of a downward-API field such as `metadata.name` or `metadata.labels['app']`. */
export function podField(pod: Pod, path: string, at: { podIp: string; hostIp: string }): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return pairs(metadata.labels);
    case 'metadata.annotations':
      return pairs(metadata.annotations);
    case 'spec.nodeName':
      return spec.nodeName ?? '';
    case 'spec.serviceAccountName':
      return spec.serviceAccountName ?? 'default';
    case 'status.podIP':
    case 'status.podIPs':
      return at.podIp;
    case 'status.hostIP':
    case 'status.hostIPs':
      return at.hostIp;
    default:
      throw new ConfigError(`unsupported field "${path}"`);
  }
}

const pairs = (map: Record<string, string> | undefined): string =>
  Object.entries(map ?? {})
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');

/** The argument vector: the container's command replaces the image's entry point, its args the image's arguments. */
export function containerCommand(
  entryPoint: readonly string[],
  container: Container,
  env: Readonly<Record<string, string>>,
): string[] {
  const command = container.command?.length ? container.command : entryPoint;
  return [
    ...(container.command?.length ? command.map((part) => expand(part, env)) : command),
    ...(container.args ?? []).map((part) => expand(part, env)),
  ];
}
