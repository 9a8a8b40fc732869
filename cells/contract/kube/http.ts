/** One authenticated request to the API server, with its connections kept between requests. */
import { STATUS_CODES } from 'node:http';
import { HttpMethod, type KubeConfig, RequestContext } from '@kubernetes/client-node';
import { type Dispatcher, request as send } from 'undici';
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

export interface KubeResponse {
  /** From 200 on to 299. */
  ok: boolean;
  status: number;
  contentType: string | undefined;
  /** A stream of bytes, with `json()` and `text()` for the whole. To be read to its end or destroyed. */
  body: Dispatcher.ResponseData['body'];
}

/** The client's KubeConfig makes a new connection pool at every call: keep the first one of each. */
const dispatchers = new WeakMap<KubeConfig, Dispatcher>();

/**
 * Resolves with any answer, refused or not. Rejects with ChatError `cluster_unreachable` when none came. Not by `fetch`,
 * whose streams took 29 % of a busy operator's CPU time.
 */
export async function kubeFetch(kubeConfig: KubeConfig, request: KubeRequest): Promise<KubeResponse> {
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
    const { statusCode, headers, body } = await send(url, {
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
    const contentType = headers['content-type'];
    return {
      ok: statusCode >= 200 && statusCode < 300,
      status: statusCode,
      contentType: Array.isArray(contentType) ? contentType[0] : contentType,
      body,
    };
  } catch (e) {
    throw new ChatError('cluster_unreachable', { problem: problemOf(e) }, e);
  }
}

/** The ChatError of an answer that is no success; its details have `status` and Kubernetes' `reason`. */
export async function refusal(
  request: Pick<KubeRequest, 'method' | 'path'>,
  response: KubeResponse,
): Promise<ChatError> {
  const text = await response.body.text().catch(() => '');
  const { reason = STATUS_CODES[response.status], message = text.slice(0, 500).trim() } = statusOf(text);
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

/** Some errors say only that it failed; what happened is in the cause. */
function problemOf(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return e.cause instanceof Error && e.cause.message ? e.cause.message : e.message;
}
