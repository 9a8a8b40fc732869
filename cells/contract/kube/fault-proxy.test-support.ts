/**
 * A proxy before a REAL API server that breaks what it is told to break: requests before or after they took effect, and
 * the events of watches. What a client of it does to the cluster is real. For chosen faults of a made-up collection see
 * faulty-server.test-support.ts.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';
import { parse, stringify } from 'yaml';
import { EventLine, type WatchFault, WatchTampering } from './watch-tampering.test-support.ts';

export interface SeenRequest {
  method: string;
  /** Without the query. */
  path: string;
  watch: boolean;
  /** Changes something, leases aside. */
  write: boolean;
}

/**
 * `unsent`: the connection breaks before the server sees it. `unanswered`: it takes effect, and the connection breaks.
 * `silent`: it takes effect, and no byte of the answer ever comes. `refused`: 503. `killedBefore`, `killedAfter`: the
 * client is dead just before, or just after, it takes effect.
 */
export type Fate = 'pass' | 'unsent' | 'unanswered' | 'silent' | 'refused' | 'killedBefore' | 'killedAfter';

export interface Faults {
  /** Asked once for each request, in the order in which they came. */
  fateOf?(seen: SeenRequest): Fate;
  /** Asked at the start of each watch; the answer is asked at each of its events. */
  tamperWith?(seen: SeenRequest): (() => WatchFault) | undefined;
}

interface Kubeconfig {
  clusters: { cluster: Record<string, unknown> }[];
  users: { user: { token?: string } }[];
}

export class FaultProxy {
  readonly #server: Server;
  readonly #upstream: URL;
  readonly #agent: Agent;
  readonly #faults: Faults;
  /** Writes one at a time, so that "the n-th write" is one certain write. */
  #writing: Promise<void> = Promise.resolve();
  #killed = false;
  #resolveGone: () => void = () => {};
  /** Resolves when the client was killed. */
  readonly gone = new Promise<void>((resolve) => {
    this.#resolveGone = resolve;
  });
  /** Of every collection: what an old event is taken from. */
  readonly #history = new Map<string, EventLine[]>();
  /** Kinds and numbers of the faults that struck. */
  readonly struck: Record<string, number> = {};

  private constructor(kubeconfig: string, faults: Faults) {
    const { cluster } = (parse(readFileSync(kubeconfig, 'utf8')) as Kubeconfig).clusters[0]!;
    const caData = cluster['certificate-authority-data'];
    const ca = caData ? Buffer.from(String(caData), 'base64') : readFileSync(String(cluster['certificate-authority']));
    this.#upstream = new URL(String(cluster.server));
    this.#agent = new Agent({ keepAlive: true, ca });
    this.#faults = faults;
    this.#server = createServer((request, response) => void this.#handle(request, response));
  }

  /** `kubeconfig`: of an account with a token. */
  static async start(kubeconfig: string, faults: Faults = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(kubeconfig, faults);
    await new Promise<void>((resolve) => {
      proxy.#server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** Writes a kubeconfig that goes through the proxy. */
  writeKubeconfig(from: string, to: string): void {
    const { port } = this.#server.address() as AddressInfo;
    const config = parse(readFileSync(from, 'utf8')) as Kubeconfig;
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    config.clusters = config.clusters.map((c) => ({ ...c, cluster }));
    writeFileSync(to, stringify(config), { mode: 0o600 });
  }

  /** From now on nothing of the client gets through, and it knows by resets and refused connections. */
  kill(): void {
    this.#killed = true;
    this.#resolveGone();
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request).catch(() => undefined);
    if (body === undefined || this.#killed) return;
    const seen = seenOf(request);
    if (seen.watch) return this.#watch(seen, request, response);
    if (!seen.write) return this.#pass(seen, request, response, body);
    const turn = this.#writing.then(() => this.#pass(seen, request, response, body));
    this.#writing = turn.catch(() => {});
    return turn;
  }

  async #pass(seen: SeenRequest, request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    if (this.#killed) return;
    const fate = this.#faults.fateOf?.(seen) ?? 'pass';
    if (fate !== 'pass') this.#count(fate);
    if (fate === 'refused') {
      response.writeHead(503, { 'content-type': 'application/json' });
      response.end('{"kind":"Status","reason":"ServiceUnavailable","message":"a fault","code":503}');
      return;
    }
    if (fate === 'killedBefore') return this.kill();
    const answer = fate === 'unsent' ? undefined : await this.#forward(request, body).catch(() => undefined);
    if (fate === 'killedAfter') return this.kill();
    if (fate === 'silent') return;
    if (fate === 'pass' && answer !== undefined && !this.#killed) {
      response.writeHead(answer.status, { 'content-type': answer.contentType }).end(answer.body);
      return;
    }
    request.socket.resetAndDestroy();
  }

  async #forward(
    request: IncomingMessage,
    body: Buffer,
  ): Promise<{ status: number; contentType: string; body: Buffer }> {
    const answer = await this.#open(request, body);
    const contentType = answer.headers['content-type'] ?? 'application/json';
    return { status: answer.statusCode ?? 500, contentType, body: await bodyOf(answer) };
  }

  #open(request: IncomingMessage, body?: Buffer): Promise<IncomingMessage> {
    const { host: _, connection: __, ...headers } = request.headers;
    return new Promise((resolve, reject) => {
      const url = new URL(request.url ?? '/', this.#upstream);
      const call = httpsRequest(url, { agent: this.#agent, method: request.method ?? 'GET', headers }, resolve);
      call.on('error', reject);
      const hangUp = (): void => void call.destroy();
      request.socket.once('close', hangUp);
      // The socket outlives its requests.
      call.on('close', () => request.socket.off('close', hangUp));
      call.end(body);
    });
  }

  async #watch(seen: SeenRequest, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = await this.#open(request).catch(() => undefined);
    if (answer === undefined) return void request.socket.resetAndDestroy();
    response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' });
    response.flushHeaders();
    answer.on('error', () => request.socket.resetAndDestroy());
    const fault = answer.statusCode === 200 ? this.#faults.tamperWith?.(seen) : undefined;
    if (!fault) return void answer.pipe(response);
    const history = this.#history.get(seen.path) ?? [];
    this.#history.set(seen.path, history);
    const tampering = new WatchTampering(response, fault, history, (name) => this.#count(name));
    let rest = '';
    answer.setEncoding('utf8');
    answer.on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') tampering.take(new EventLine(line));
    });
    answer.on('end', () => tampering.end());
  }

  #count(name: string): void {
    this.struck[name] = (this.struck[name] ?? 0) + 1;
  }
}

function seenOf(request: IncomingMessage): SeenRequest {
  const url = new URL(request.url ?? '/', 'http://local');
  const method = request.method ?? 'GET';
  const path = url.pathname;
  return { method, path, watch: url.searchParams.has('watch'), write: method !== 'GET' && !path.includes('/leases') };
}

async function bodyOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
