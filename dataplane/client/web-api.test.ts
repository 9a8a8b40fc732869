import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, seededRandom } from './client.test-support.ts';
import { HttpFailure, type HttpRequest, type HttpResponse } from './transport.ts';
import { WebApi } from './web-api.ts';

type Step = HttpResponse | HttpFailure;
const answer = (body: unknown, status = 200, retryAfterS?: number): HttpResponse => ({
  status,
  retryAfterS,
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

/** Calls, with the answers in `script`; resolves with the outcome, the hosts asked and the time that it took. */
async function call(method: string, args: Record<string, unknown>, script: Step[]) {
  const clock = new ManualClock();
  const asked: HttpRequest[] = [];
  const http = async (request: HttpRequest): Promise<HttpResponse> => {
    asked.push(request);
    const step = script[asked.length - 1] ?? script.at(-1)!;
    if (step instanceof HttpFailure) throw step;
    return step;
  };
  const api = new WebApi({ edges: ['http://a/', 'http://b'], token: 't', http, clock, random: seededRandom(1) });
  let over = false;
  const outcome = api
    .call(method, args)
    .then(
      (result) => ({ result, code: undefined }),
      (e: { code?: string }) => ({ result: undefined, code: e.code }),
    )
    .finally(() => {
      over = true;
    });
  for (let n = 0; n < 1_000 && !over; n++) await clock.pass(100);
  return { ...(await outcome), hosts: asked.map((r) => new URL(r.url).host), asked, tookMs: clock.monotonicMs() };
}

const LOST = new HttpFailure(true, undefined);
const NEVER_SENT = new HttpFailure(false, undefined);
const OK = answer({ ok: true, n: 1 });

describe('WebApi', () => {
  it('sends JSON with the bearer token to the method', async () => {
    const { asked, result } = await call('auth.test', { a: 1 }, [OK]);
    assert.equal(asked[0]?.url, 'http://a/api/auth.test');
    assert.equal(asked[0]?.headers.authorization, 'Bearer t');
    assert.equal(asked[0]?.body, '{"a":1}');
    assert.deepEqual(result, { ok: true, n: 1 });
  });

  it('reads, and posts with a client_msg_id, are tried again at the next edge', async () => {
    for (const [method, args] of [
      ['conversations.history', {}],
      ['chat.postMessage', { client_msg_id: 'x' }],
    ] as const) {
      const { result, hosts } = await call(method, args, [LOST, answer('<html>', 502), OK]);
      assert.equal(result?.ok, true);
      assert.deepEqual(hosts, ['a', 'b', 'a']);
    }
  });

  it('a post without a key is repeated only when it cannot have arrived', async () => {
    assert.deepEqual((await call('chat.postMessage', {}, [NEVER_SENT, OK])).hosts, ['a', 'b']);
    for (const step of [LOST, answer('', 503)]) {
      const { code, hosts } = await call('chat.postMessage', {}, [step, OK]);
      assert.equal(code, 'service_unavailable');
      assert.deepEqual(hosts, ['a']);
    }
  });

  it('waits for Retry-After', async () => {
    const limited = answer({ ok: false, error: 'ratelimited' }, 429, 7);
    const { result, tookMs, hosts } = await call('chat.postMessage', {}, [limited, OK]);
    assert.equal(result?.ok, true);
    assert.deepEqual(hosts, ['a', 'a']);
    assert.ok(tookMs >= 7_000);
  });

  it('gives up after some attempts, and at once for an error of the application', async () => {
    const { code, hosts } = await call('auth.test', {}, [LOST]);
    assert.equal(code, 'service_unavailable');
    assert.equal(hosts.length, 6);
    const refused = await call('auth.test', {}, [answer({ ok: false, error: 'invalid_auth' })]);
    assert.equal(refused.code, 'invalid_auth');
    assert.equal(refused.hosts.length, 1);
    assert.equal((await call('auth.test', {}, [answer({ ok: false, error: 'of_the_future' })])).code, 'internal_error');
  });
});
