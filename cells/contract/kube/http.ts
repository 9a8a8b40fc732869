/** One authenticated request to the API server, with its connections kept between requests. */
import { HttpMethod, type KubeConfig, RequestContext } from '@kubernetes/client-node';
import { type Dispatcher, fetch, type Response } from 'undici';
import { ChatError } from '../errors.ts';

export interface KubeRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Starts with /api, /apis or another root of the API server. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  contentType?: string;
  body?: string;
  signal?: AbortSignal;
}

/** The client's KubeConfig makes a new connection pool at every call: keep the first one of each. */
const dispatchers = new WeakMap<KubeConfig, Dispatcher>();

/** Resolves with any answer, refused or not. Rejects with ChatError `cluster_unreachable` when none came. */
export async function kubeFetch(kubeConfig: KubeConfig, request: KubeRequest): Promise<Response> {
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new ChatError('cluster_unreachable', { problem: 'the kubeconfig has no current cluster' });
  const url = new URL(cluster.server.replace(/\/$/, '') + request.path);
  for (const [name, value] of Object.entries(request.query ?? {})) {
    if (value !== undefined) url.searchParams.set(name, String(value));
  }
  try {
    const context = new RequestContext(url.toString(), HttpMethod.GET); // for the credentials alone
    await kubeConfig.applySecurityAuthentication(context);
    const fresh = context.getDispatcher() as Dispatcher | undefined;
    const dispatcher = dispatchers.get(kubeConfig) ?? fresh;
    if (dispatcher) dispatchers.set(kubeConfig, dispatcher);
    return await fetch(url, {
      method: request.method,
      headers: {
        ...context.getHeaders(),
        accept: 'application/json',
        ...(request.contentType ? { 'content-type': request.contentType } : {}),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      ...(request.signal ? { signal: request.signal } : {}),
      ...(dispatcher ? { dispatcher } : {}),
    });
  } catch (e) {
    throw new ChatError('cluster_unreachable', { problem: problemOf(e) }, e);
  }
}

/** The ChatError of an answer that is no success; its details have `status` and Kubernetes' `reason`. */
export async function refusal(request: Pick<KubeRequest, 'method' | 'path'>, response: Response): Promise<ChatError> {
  const text = await response.text().catch(() => '');
  const { reason = response.statusText, message = text.slice(0, 500).trim() } = statusOf(text);
  const { method, path } = request;
  return new ChatError('kube_refused', { method, path, status: response.status, reason, message });
}

function statusOf(text: string): { reason?: string; message?: string } {
  try {
    return JSON.parse(text) as { reason?: string; message?: string };
  } catch {
    return {};
  }
}

/** fetch says only "fetch failed"; what happened is in the cause. */
function problemOf(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return e.cause instanceof Error && e.cause.message ? e.cause.message : e.message;
}
