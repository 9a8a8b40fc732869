/**
 * The calls to the API server that Chatcells makes, typed. Every method rejects with ChatError: `cluster_unreachable`
 * when no answer came, `kube_refused` (details.status, details.reason) when the server said no.
 */
import { KubeConfig } from '@kubernetes/client-node';
import { hasCode } from '../errors.ts';
import { type KubeRequest, kubeFetch, refusal } from './http.ts';
import type { KubeObject } from './objects.ts';

/** Plurals of the kinds that Chatcells reads or writes. */
const PLURAL = {
  Cell: 'cells',
  ChannelRing: 'channelrings',
  ConfigMap: 'configmaps',
  CustomResourceDefinition: 'customresourcedefinitions',
  Deployment: 'deployments',
  Event: 'events',
  Job: 'jobs',
  Lease: 'leases',
  Namespace: 'namespaces',
  Node: 'nodes',
  Pod: 'pods',
  PodDisruptionBudget: 'poddisruptionbudgets',
  PracticeDrain: 'practicedrains',
  Secret: 'secrets',
  Service: 'services',
  ServiceAccount: 'serviceaccounts',
  StatefulSet: 'statefulsets',
  Workspace: 'workspaces',
} as const;
export type KnownKind = keyof typeof PLURAL;

/** Names one object. */
export interface ObjectRef {
  apiVersion: string;
  kind: KnownKind;
  namespace?: string;
  name: string;
}

/** What is sent to apply or create: an object without what the server fills in. */
export interface Manifest {
  apiVersion: string;
  kind: KnownKind;
  metadata: { name: string; namespace?: string; uid?: string } & Record<string, unknown>;
  [field: string]: unknown;
}

export interface WriteOptions {
  fieldManager: string;
  subresource?: 'status' | 'scale';
  /** Asks the server to check and change nothing. */
  dryRun?: boolean;
}

export interface JsonPatchOperation {
  op: 'add' | 'remove' | 'replace' | 'test';
  path: string;
  value?: unknown;
}

/** The path of a collection, as a reflector wants it. */
export function collectionPath(apiVersion: string, kind: KnownKind, namespace?: string): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}${namespace ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${PLURAL[kind]}`;
}

export const objectPath = (ref: ObjectRef): string =>
  `${collectionPath(ref.apiVersion, ref.kind, ref.namespace)}/${encodeURIComponent(ref.name)}`;

export function refOf(manifest: Manifest): ObjectRef {
  const { apiVersion, kind, metadata } = manifest;
  return { apiVersion, kind, name: metadata.name, ...(metadata.namespace ? { namespace: metadata.namespace } : {}) };
}

/** The status of a refusal, such as 404 or 409; undefined for any other error. */
export const refusedStatus = (e: unknown): number | undefined =>
  hasCode(e, 'kube_refused') ? Number(e.details.status) : undefined;

const ASSUMED_SERVER = 'http://localhost:8080';

/**
 * KUBECONFIG when set (several files are merged), else the Pod's service account, else the user's ~/.kube/config.
 * A Pod's own account goes before the home directory, which on a shared host is somebody else's.
 * Throws when none of them is there.
 */
export function loadKubeConfig(env: Readonly<Record<string, string | undefined>>): KubeConfig {
  const config = new KubeConfig();
  const files = (env.KUBECONFIG ?? '').split(':').filter(Boolean);
  for (const [index, file] of files.entries()) {
    if (index === 0) config.loadFromFile(file);
    else {
      const more = new KubeConfig();
      more.loadFromFile(file);
      config.mergeConfig(more, true);
    }
  }
  if (files.length === 0) {
    if (env.KUBERNETES_SERVICE_HOST) config.loadFromCluster();
    else config.loadFromDefault();
    // Where nothing is configured the library assumes a server on this host, and then refuses to speak to it.
    if (config.getCurrentCluster()?.server === ASSUMED_SERVER)
      throw new Error('neither KUBECONFIG nor ~/.kube/config names a cluster');
  }
  return config;
}

export class KubeClient {
  readonly #kubeConfig: KubeConfig;
  readonly #timeoutMs: number;
  readonly #term: (() => AbortSignal) | undefined;

  /**
   * `timeoutMs`: for each request, when it brings no signal of its own. `term`: the time in which requests may be made;
   * once its signal is aborted no request goes out, and those under way are given up.
   */
  constructor(kubeConfig: KubeConfig, options: { timeoutMs?: number; term?: () => AbortSignal } = {}) {
    this.#kubeConfig = kubeConfig;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
    this.#term = options.term;
  }

  /** Any request; the answer's JSON. */
  async request<R>(request: KubeRequest): Promise<R> {
    const own = request.signal ?? AbortSignal.timeout(this.#timeoutMs);
    const signal = this.#term ? AbortSignal.any([own, this.#term()]) : own;
    const response = await kubeFetch(this.#kubeConfig, { ...request, signal });
    if (!response.ok) throw await refusal(request, response);
    return (await response.body.json()) as R;
  }

  /** Undefined when there is none. */
  async get<T extends KubeObject>(ref: ObjectRef): Promise<T | undefined> {
    try {
      return await this.request<T>({ method: 'GET', path: objectPath(ref) });
    } catch (e) {
      if (refusedStatus(e) === 404) return undefined;
      throw e;
    }
  }

  async list<T extends KubeObject>(path: string, query: NonNullable<KubeRequest['query']> = {}): Promise<T[]> {
    return (await this.request<{ items: T[] }>({ method: 'GET', path, query })).items;
  }

  /** Server-side apply: makes the fields of `manifest`, and only those, this manager's, taking them from others. */
  async apply<T extends KubeObject>(manifest: Manifest, options: WriteOptions): Promise<T> {
    return this.#write('application/apply-patch+yaml', refOf(manifest), manifest, { ...options, force: true });
  }

  /** A key set to null is removed. */
  async mergePatch<T extends KubeObject>(ref: ObjectRef, patch: unknown, options: WriteOptions): Promise<T> {
    return this.#write('application/merge-patch+json', ref, patch, options);
  }

  async jsonPatch<T extends KubeObject>(
    ref: ObjectRef,
    patch: JsonPatchOperation[],
    options: WriteOptions,
  ): Promise<T> {
    return this.#write('application/json-patch+json', ref, patch, options);
  }

  async create<T extends KubeObject>(manifest: Manifest, options: WriteOptions): Promise<T> {
    const { apiVersion, kind, metadata } = manifest;
    return this.request<T>({
      method: 'POST',
      path: collectionPath(apiVersion, kind, metadata.namespace),
      query: writeQuery(options),
      contentType: 'application/json',
      body: JSON.stringify(manifest),
    });
  }

  /** Refused with 409 when `manifest.metadata.resourceVersion` is not the stored one. */
  async replace<T extends KubeObject>(manifest: Manifest, options: WriteOptions): Promise<T> {
    return this.request<T>({
      method: 'PUT',
      path: objectPath(refOf(manifest)),
      query: writeQuery(options),
      contentType: 'application/json',
      body: JSON.stringify(manifest),
    });
  }

  /** False when there was none. With `uid`, an object of that name that is another one is left alone (409). */
  async delete(
    ref: ObjectRef,
    options: { uid?: string; propagation?: 'Background' | 'Foreground' } = {},
  ): Promise<boolean> {
    const body = {
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      propagationPolicy: options.propagation ?? 'Background',
      ...(options.uid ? { preconditions: { uid: options.uid } } : {}),
    };
    try {
      const path = objectPath(ref);
      await this.request({ method: 'DELETE', path, contentType: 'application/json', body: JSON.stringify(body) });
      return true;
    } catch (e) {
      if (refusedStatus(e) === 404) return false;
      throw e;
    }
  }

  /**
   * Asks for a Pod to be deleted, as far as its PodDisruptionBudget allows: false when it does not, or when there is no
   * such Pod any more. With `uid`, a Pod of that name that is another one is left alone (409).
   */
  async evict(ref: ObjectRef, options: { uid?: string } = {}): Promise<boolean> {
    const { name, namespace } = ref;
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      ...(options.uid ? { deleteOptions: { preconditions: { uid: options.uid } } } : {}),
    };
    try {
      const path = `${objectPath(ref)}/eviction`;
      await this.request({ method: 'POST', path, contentType: 'application/json', body: JSON.stringify(body) });
      return true;
    } catch (e) {
      if (refusedStatus(e) === 404 || refusedStatus(e) === 429) return false;
      throw e;
    }
  }

  #write<T extends KubeObject>(
    contentType: string,
    ref: ObjectRef,
    body: unknown,
    options: WriteOptions & { force?: boolean },
  ): Promise<T> {
    return this.request<T>({
      method: 'PATCH',
      path: objectPath(ref) + (options.subresource ? `/${options.subresource}` : ''),
      query: { ...writeQuery(options), force: options.force },
      contentType,
      body: JSON.stringify(body),
    });
  }
}

/** Strict: a field that the schema does not know is an error, never dropped in silence. */
const writeQuery = (options: WriteOptions): NonNullable<KubeRequest['query']> => ({
  fieldManager: options.fieldManager,
  fieldValidation: 'Strict',
  dryRun: options.dryRun ? 'All' : undefined,
});
