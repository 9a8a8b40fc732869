/** The Web API over HTTP: `POST|GET /api/<method>`, JSON or form bodies, every answer an `{ok: …}` envelope. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import formbody from '@fastify/formbody';
import fastify, { type FastifyError, type FastifyReply, type FastifyRequest } from 'fastify';
import { ChatError } from '../../cells/contract/errors.ts';
import { parseTraceparent } from '../tracing/traceparent.ts';
import { failureOf } from './answer.ts';
import { dispatch } from './dispatch.ts';
import type { ApiServices } from './method.ts';
import { METHODS } from './method-table.ts';
import type { HttpMetrics } from './metrics.ts';
import { WorkspaceRateLimit } from './rate-limit.ts';
import { originOf } from './request-url.ts';

/** Room for 40,000 characters of any script and for blocks. */
const BODY_LIMIT_BYTES = 512 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;

export interface ApiServerOptions {
  services: ApiServices;
  metrics: HttpMetrics;
  /** `http(s)://host[:port]` for clients that send no usable Host header. */
  fallbackOrigin: string;
  /** Further pages, by path. */
  pages?: Readonly<Record<string, () => Promise<{ type: string; body: string }>>>;
}

export interface ApiServer {
  /** The plain HTTP server beneath: `chatctl dev` takes the WebSocket upgrades from it. */
  readonly http: Server;
  /** Resolves with the port that was bound. */
  listen(address: { host: string; port: number }): Promise<number>;
  /** From now on every answer asks the client to connect anew: the listener is about to close. */
  leave(): void;
  /** Stops accepting, and resolves when the requests in flight are answered. */
  close(): Promise<void>;
}

export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { services, metrics } = options;
  const limit = new WorkspaceRateLimit(services.clock);
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    // A path that cannot be decoded or is too long never gets to the handlers below.
    frameworkErrors: (_error, request, reply) => notFound(request, reply),
    genReqId: ({ headers }) => requestId(single(headers['x-request-id'])) ?? services.random.hex(8),
  });
  app.removeContentTypeParser('text/plain');
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) =>
    body.length === 0 ? done(null, {}) : parseJson(request, body as string, done),
  );
  await app.register(formbody, { bodyLimit: BODY_LIMIT_BYTES });

  let leaving = false;
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
    if (leaving) reply.header('connection', 'close');
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.url.startsWith('/api/')) metrics.observe(methodOf(request), reply.statusCode, reply.elapsedTime / 1000);
  });
  app.route({
    method: ['GET', 'POST'],
    url: '/api/:method',
    handler: async (request) =>
      dispatch(services, limit, {
        method: (request.params as { method: string }).method,
        args: argumentsOf(request),
        bearer: bearerOf(request.headers.authorization),
        origin: originOf(
          {
            host: request.headers.host,
            forwardedHost: single(request.headers['x-forwarded-host']),
            forwardedProto: single(request.headers['x-forwarded-proto']),
          },
          options.fallbackOrigin,
        ),
        trace: parseTraceparent(single(request.headers.traceparent)),
      }),
  });
  for (const [path, page] of Object.entries(options.pages ?? {}))
    app.get(path, async (_request, reply) => {
      const { type, body } = await page();
      return reply.type(type).send(body);
    });
  app.setErrorHandler((thrown, request, reply) => {
    const error = toChatError(thrown as FastifyError);
    const { status, headers, body, ours } = failureOf(error);
    if (ours) services.log.warn({ err: error, method: methodOf(request), requestId: request.id }, 'request failed');
    return reply.code(status).headers(headers).send(body);
  });
  app.setNotFoundHandler(notFound);
  return {
    http: app.server,
    async listen(address) {
      await app.listen(address);
      return (app.server.address() as AddressInfo).port;
    },
    leave() {
      leaving = true;
    },
    close: () => app.close(),
  };
}

const notFound = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  request.url.startsWith('/api/')
    ? reply.send(failureOf(new ChatError('unknown_method', { method: methodOf(request) })).body)
    : reply.code(404).type('text/plain').send('not found\n');

/** The label of metrics and logs: never what a stranger typed. */
function methodOf(request: FastifyRequest): string {
  const name = (request.params as { method?: string } | undefined)?.method ?? '';
  return METHODS.has(name) || name === 'api.test' ? name : 'unknown';
}

const single = (header: string | string[] | undefined): string | undefined =>
  Array.isArray(header) ? header[0] : header;

/** As edges send it: an id and nothing else, or ours is used. */
const requestId = (text: string | undefined): string | undefined =>
  text !== undefined && /^[\w.-]{1,64}$/.test(text) ? text : undefined;

const bearerOf = (header: string | undefined): string | undefined => /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];

/** The body over the query string; of a form field that is sent twice, the last. */
function argumentsOf(request: FastifyRequest): Record<string, unknown> {
  const body = request.body ?? {};
  if (typeof body !== 'object' || Array.isArray(body)) throw new ChatError('json_not_object');
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false;
  return { ...lastOfEach(request.query as object), ...(isForm ? lastOfEach(body) : body) };
}

const lastOfEach = (fields: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, Array.isArray(value) ? value.at(-1) : value]),
  );

/** Fastify's own refusals in our words; anything else unknown is a fault of ours. */
function toChatError(thrown: FastifyError): ChatError {
  if (thrown instanceof ChatError) return thrown;
  switch (thrown.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ChatError('request_too_large', { limitBytes: BODY_LIMIT_BYTES });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ChatError('invalid_post_type');
    case 'FST_ERR_CTP_INVALID_JSON_BODY':
      return new ChatError('invalid_json');
  }
  const isClients = (thrown.statusCode ?? 500) < 500;
  return isClients ? new ChatError('invalid_json', {}, thrown) : new ChatError('internal_error', {}, thrown);
}
