/** From a method's name and raw arguments to its answer: authentication, limits, the call. No HTTP here. */
import { ChatError } from '../../cells/contract/errors.ts';
import { actorOf } from '../auth/identity.ts';
import type { Trace } from '../protocol/frames.ts';
import type { ApiContext, ApiServices, Result } from './method.ts';
import { METHODS } from './method-table.ts';
import type { WorkspaceRateLimit } from './rate-limit.ts';

export interface ApiRequest {
  method: string;
  args: Readonly<Record<string, unknown>>;
  /** From the Authorization header; else `token` of the arguments is used. */
  bearer: string | undefined;
  /** `http(s)://host[:port]`. */
  origin: string;
  trace: Trace | undefined;
}

/** The answer, `ok` included. Rejects with a ChatError. */
export async function dispatch(services: ApiServices, limit: WorkspaceRateLimit, request: ApiRequest): Promise<Result> {
  if (request.method === 'api.test') return apiTest(request.args);
  const method = METHODS.get(request.method);
  if (method === undefined) throw new ChatError('unknown_method', { method: request.method });
  const span = services.tracer.startSpan(`api ${request.method}`, request.trace);
  try {
    const context = await authenticate(services, { ...request, trace: span.trace });
    if (method.limited) limit.take(context.me.workspace, context.identity.entry.limits.postsPerSecond);
    const result = await method.handle(context, request.args);
    span.end();
    return { ok: true, ...result };
  } catch (e: unknown) {
    span.end(ChatError.from(e).code);
    throw e;
  }
}

async function authenticate(services: ApiServices, request: ApiRequest): Promise<ApiContext> {
  const { args, origin, trace } = request;
  const token = request.bearer ?? (typeof args.token === 'string' ? args.token : undefined);
  const identity = await services.tokens.verify(token);
  const me = await services.users.ensure(identity);
  const actor = actorOf(identity);
  const { ring } = identity.entry;
  return {
    services,
    identity,
    me,
    actor,
    origin,
    trace,
    call: (topic, op, opArgs) =>
      services.owners.call({ ring, topic, op, args: opArgs, actor, ...(trace === undefined ? {} : { trace }) }),
  };
}

/** Slack's: sends the arguments back, and fails when asked to. */
function apiTest(args: ApiRequest['args']): Result {
  const { token: _, ...shown } = args;
  const echo = Object.keys(shown).length === 0 ? {} : { args: shown };
  const { error } = shown;
  return typeof error === 'string' && error !== '' ? { ok: false, error, ...echo } : { ok: true, ...echo };
}
