/** Calls of the Web API, tried again on the other edges when that is safe. */
import { type Clock, type Random, sleep } from '../../cells/contract/clock.ts';
import { ChatError, type ErrorCode, isErrorCode } from '../../cells/contract/errors.ts';
import { backoffMs } from './backoff.ts';
import { type Http, HttpFailure, type HttpResponse } from './transport.ts';

export type WebApiResult = Record<string, unknown> & { ok: true };

export interface WebApiOptions {
  /** Base URLs of the edges, `http(s)://host:port`. */
  edges: readonly string[];
  token: string;
  http: Http;
  clock: Clock;
  random: Random;
}

const TIMEOUT_MS = 15_000;
const MAX_ATTEMPTS = 6;
const RETRY = { baseMs: 200, maxMs: 5_000 };
const READS =
  /^(api\.test|auth\.test|rtm\.connect|team\.info|users\.(list|info|conversations)|conversations\.(list|info|history|members|replies))$/;

export class WebApi {
  readonly #options: WebApiOptions;
  #edge = 0;

  constructor(options: WebApiOptions) {
    this.#options = options;
  }

  /** The edge that calls go to at present. */
  get edge(): string {
    const { edges } = this.#options;
    return edges[this.#edge % edges.length]!;
  }

  rotate(): void {
    this.#edge++;
  }

  /** To any of the other edges: were it the next one, all clients of a zone that is drained would come to one zone. */
  leave(): void {
    const others = this.#options.edges.length - 1;
    if (others > 0) this.#edge += 1 + Math.floor(this.#options.random.next() * others);
  }

  /** Rejects with ChatError; the code is the answer's when it is one of ours, else `internal_error` with it in the details. */
  async call(method: string, args: Record<string, unknown> = {}): Promise<WebApiResult> {
    const { clock, random } = this.#options;
    const repeatable = READS.test(method) || typeof args.client_msg_id === 'string';
    for (let attempt = 0; ; attempt++) {
      const last = attempt + 1 >= MAX_ATTEMPTS;
      let waitMs = backoffMs(attempt, random, RETRY);
      try {
        const response = await this.#send(method, args);
        if (response.status === 429 && !last) waitMs = (response.retryAfterS ?? 1) * 1000;
        else if (response.status < 500 || last || !repeatable) return readAnswer(response);
        else this.rotate();
      } catch (e: unknown) {
        if (!(e instanceof HttpFailure)) throw e;
        this.rotate();
        if (last || (e.sent && !repeatable)) throw new ChatError('service_unavailable', {}, e);
      }
      await sleep(clock, waitMs);
    }
  }

  /** One attempt at the present edge. */
  #send(method: string, args: Record<string, unknown>): Promise<HttpResponse> {
    return this.#options.http({
      url: `${this.edge.replace(/\/$/, '')}/api/${method}`,
      headers: { authorization: `Bearer ${this.#options.token}`, 'content-type': 'application/json; charset=utf-8' },
      body: JSON.stringify(args),
      timeoutMs: TIMEOUT_MS,
    });
  }

  /** One attempt, no second: for callers that have their own back-off. */
  async once(method: string, args: Record<string, unknown> = {}): Promise<WebApiResult> {
    try {
      return readAnswer(await this.#send(method, args));
    } catch (e: unknown) {
      throw e instanceof HttpFailure ? new ChatError('service_unavailable', {}, e) : e;
    }
  }
}

function readAnswer(response: HttpResponse): WebApiResult {
  let answer: { ok?: unknown; error?: unknown };
  try {
    answer = JSON.parse(response.body) as typeof answer;
  } catch (e: unknown) {
    throw new ChatError('service_unavailable', { status: response.status }, e);
  }
  if (answer.ok === true) return answer as WebApiResult;
  const code: ErrorCode =
    typeof answer.error === 'string' && isErrorCode(answer.error)
      ? answer.error
      : response.status >= 500
        ? 'service_unavailable'
        : 'internal_error';
  throw new ChatError(code, { error: answer.error, status: response.status });
}
