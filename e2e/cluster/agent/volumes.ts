/** A Pod's volumes as folders under `<cluster>/pods/<uid>/volumes/`, and the refresh of its projected tokens. */
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import type { NodeContext } from './context.ts';
import { ConfigError, podField } from './env.ts';
import type { ConfigMap, ConfigSource, DownwardItem, KeyToPath, Pod, Projection, Secret, Volume } from './kube.ts';

interface File {
  path: string;
  content: Buffer;
  mode: number;
}

interface TokenRequest {
  status: { token: string; expirationTimestamp: string };
}

const DEFAULT_MODE = 0o644;

export class PodVolumes {
  readonly #context: NodeContext;
  readonly #pod: Pod;
  readonly #podIp: string;
  /** The soonest end of a token's life, in wall milliseconds; Infinity without tokens. */
  #expires = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(context: NodeContext, pod: Pod, podIp: string) {
    this.#context = context;
    this.#pod = pod;
    this.#podIp = podIp;
  }

  /** Makes every volume. Throws ConfigError, or the API's error, when something named is not there yet; call again. */
  async prepare(): Promise<void> {
    for (const volume of this.#pod.spec.volumes ?? []) await this.#prepareOne(volume);
    this.#scheduleRefresh();
  }

  /** The folder (or file, for a hostPath) behind a volume. */
  path(name: string): string {
    const volume = this.#pod.spec.volumes?.find((candidate) => candidate.name === name);
    if (!volume) throw new ConfigError(`volume "${name}" is not in the Pod`);
    if (volume.hostPath) return this.#hostPath(volume.hostPath);
    return join(this.#context.dir, 'pods', this.#pod.metadata.uid, 'volumes', name);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #prepareOne(volume: Volume): Promise<void> {
    const path = this.path(volume.name);
    if (volume.hostPath) {
      if (volume.hostPath.type === 'DirectoryOrCreate') this.#makeDir(path, 0o777);
      else if (volume.hostPath.type === 'FileOrCreate' && !existsSync(path)) this.#write(path, Buffer.alloc(0), 0o666);
      if (!existsSync(path)) throw new ConfigError(`hostPath "${volume.hostPath.path}" does not exist`);
      return;
    }
    this.#makeDir(path, volume.emptyDir ? 0o777 : 0o755);
    const files = await this.#files(volume);
    for (const file of files) {
      const target = resolve(path, normalize(file.path));
      if (!target.startsWith(`${path}/`)) throw new ConfigError(`path "${file.path}" leaves its volume`);
      this.#write(target, file.content, file.mode);
    }
  }

  async #files(volume: Volume): Promise<File[]> {
    if (volume.emptyDir) return [];
    const sources: Projection[] = volume.projected?.sources ?? [
      {
        ...(volume.configMap ? { configMap: volume.configMap } : {}),
        ...(volume.secret ? { secret: { ...volume.secret, name: volume.secret.secretName ?? '' } } : {}),
        ...(volume.downwardAPI ? { downwardAPI: volume.downwardAPI } : {}),
      },
    ];
    if (sources.every((source) => Object.keys(source).length === 0)) {
      throw new ConfigError(`volume "${volume.name}" is of a kind that the local cluster does not have`);
    }
    const mode = volume.projected?.defaultMode ?? DEFAULT_MODE;
    return (await Promise.all(sources.map((source) => this.#projected(source, mode)))).flat();
  }

  async #projected(source: Projection, mode: number): Promise<File[]> {
    const files: File[] = [];
    if (source.configMap) files.push(...(await this.#keyed('configmaps', source.configMap, mode)));
    if (source.secret) files.push(...(await this.#keyed('secrets', source.secret, mode)));
    if (source.downwardAPI) files.push(...this.#downward(source.downwardAPI.items ?? [], mode));
    if (source.serviceAccountToken) {
      const { path, audience, expirationSeconds } = source.serviceAccountToken;
      files.push({ path, content: Buffer.from(await this.#token(audience, expirationSeconds ?? 3600)), mode });
    }
    return files;
  }

  async #keyed(plural: 'configmaps' | 'secrets', source: ConfigSource, mode: number): Promise<File[]> {
    const name = source.name ?? '';
    const found = await this.#context.api.find<ConfigMap & Secret>(
      `/api/v1/namespaces/${this.#pod.metadata.namespace}/${plural}/${name}`,
    );
    if (!found) {
      if (source.optional) return [];
      throw new ConfigError(`${plural.slice(0, -1)} "${name}" not found`);
    }
    const plain = plural === 'configmaps' ? 'utf8' : 'base64';
    const contents = new Map<string, Buffer>();
    for (const [key, value] of Object.entries(found.data ?? {})) contents.set(key, Buffer.from(value, plain));
    for (const [key, value] of Object.entries(found.binaryData ?? {})) contents.set(key, Buffer.from(value, 'base64'));
    const items: KeyToPath[] = source.items ?? [...contents.keys()].map((key) => ({ key, path: key }));
    return items.flatMap((item) => {
      const content = contents.get(item.key);
      if (!content && !source.optional)
        throw new ConfigError(`${plural.slice(0, -1)} "${name}" has no key "${item.key}"`);
      return content ? [{ path: item.path, content, mode: item.mode ?? source.defaultMode ?? mode }] : [];
    });
  }

  #downward(items: DownwardItem[], mode: number): File[] {
    const at = { podIp: this.#podIp, hostIp: this.#context.zone.nodeIp };
    return items.map((item) => ({
      path: item.path,
      content: Buffer.from(item.fieldRef ? podField(this.#pod, item.fieldRef.fieldPath, at) : ''),
      mode,
    }));
  }

  /** A token of the Pod's service account, bound to the Pod, from the TokenRequest API. */
  async #token(audience: string | undefined, expirationSeconds: number): Promise<string> {
    const { namespace, name, uid } = this.#pod.metadata;
    const account = this.#pod.spec.serviceAccountName ?? 'default';
    const answer = await this.#context.api.post<TokenRequest>(
      `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience ? [audience] : [],
          expirationSeconds,
          boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
        },
      },
    );
    this.#expires = Math.min(this.#expires, Date.now() + expirationSeconds * 1000);
    return answer.status.token;
  }

  /** Projected volumes are written anew when 80 % of the shortest token's life is over, as a kubelet does. */
  #scheduleRefresh(): void {
    if (this.#closed || this.#expires === Number.POSITIVE_INFINITY) return;
    const wait = Math.max(10_000, (this.#expires - Date.now()) * 0.8);
    this.#timer = setTimeout(() => void this.#refresh(), wait).unref();
  }

  async #refresh(): Promise<void> {
    this.#expires = Number.POSITIVE_INFINITY;
    try {
      for (const volume of this.#pod.spec.volumes ?? []) if (volume.projected) await this.#prepareOne(volume);
    } catch (error) {
      this.#context.log.warn({ pod: this.#pod.metadata.name, error: String(error) }, 'token refresh failed');
      this.#expires = Date.now() + 30_000;
    }
    this.#scheduleRefresh();
  }

  /** A path that a Pod may create is the node's own, since all local nodes share one file system. */
  #hostPath(source: NonNullable<Volume['hostPath']>): string {
    return source.type?.endsWith('OrCreate')
      ? join(this.#context.dir, 'nodes', this.#context.zone.node, normalize(`/${source.path}`))
      : source.path;
  }

  #makeDir(path: string, mode: number): void {
    if (existsSync(path)) return;
    mkdirSync(path, { recursive: true });
    this.#own(path, mode);
  }

  /** Replaced in one step: a reader sees the old file or the new one. */
  #write(path: string, content: Buffer, mode: number): void {
    mkdirSync(dirname(path), { recursive: true });
    const draft = join(dirname(path), `.${process.pid}.new`);
    writeFileSync(draft, content, { mode });
    this.#own(draft, mode);
    renameSync(draft, path);
  }

  #own(path: string, mode: number): void {
    chownSync(path, this.#context.uid, this.#context.zone.id);
    // Apart, since the mode given at creation is cut by the umask.
    chmodSync(path, mode);
  }
}
