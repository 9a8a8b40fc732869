/**
 * A STAND-IN for an API server, for faults that a real one cannot be made to show on demand: one collection, list and
 * watch, and a queue of ways in which the next requests go wrong. The real one is in reflector.integration.test.ts.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import type { KubeObject } from './objects.ts';

export interface Thing extends KubeObject {
  value: string;
}
export type Fault = 'reset' | 'gone' | 'silent' | 'hang-up' | 'refuse';

export class FaultyServer {
  readonly objects = new Map<string, Thing>();
  readonly faults: { list: Fault[]; watch: Fault[] } = { list: [], watch: [] };
  readonly requests: URL[] = [];
  readonly #server: Server;
  readonly #watches = new Set<ServerResponse>();
  #version = 100;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FaultyServer> {
    const server = createServer((request, response) => self.#answer(request, response));
    const self = new FaultyServer(server);
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return self;
  }

  get kubeConfig(): KubeConfig {
    const { port } = this.#server.address() as AddressInfo;
    const config = new KubeConfig();
    config.loadFromClusterAndUser(
      { name: 'local', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
      { name: 'local' },
    );
    return config;
  }

  get openWatches(): number {
    return this.#watches.size;
  }

  /** Changes the object; `announce: false` loses the event. */
  put(name: string, value: string, options: { announce?: boolean } = {}): Thing {
    const resourceVersion = String(++this.#version);
    const type = this.objects.has(name) ? 'MODIFIED' : 'ADDED';
    const object: Thing = { metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion }, value };
    this.objects.set(name, object);
    if (options.announce !== false) this.send({ type, object });
    return object;
  }

  remove(name: string, options: { announce?: boolean } = {}): Thing {
    const object = this.objects.get(name)!;
    this.objects.delete(name);
    const last = { ...object, metadata: { ...object.metadata, resourceVersion: String(++this.#version) } };
    if (options.announce !== false) this.send({ type: 'DELETED', object: last });
    return last;
  }

  /** Any event to every open watch. */
  send(event: unknown): void {
    for (const watch of this.#watches) watch.write(`${JSON.stringify(event)}\n`);
  }

  endWatches(): void {
    for (const watch of this.#watches) watch.end();
  }

  resetWatches(): void {
    for (const watch of this.#watches) watch.socket?.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://local');
    this.requests.push(url);
    const watching = url.searchParams.has('watch');
    const fault = (watching ? this.faults.watch : this.faults.list).shift();
    if (fault === 'silent') return;
    if (fault === 'reset') return void request.socket.resetAndDestroy();
    if (fault === 'refuse')
      return void response.writeHead(503).end('{"reason":"ServiceUnavailable","message":"not now"}');
    if (fault === 'gone' && !watching)
      return void response.writeHead(410).end('{"reason":"Expired","message":"too old"}');
    response.writeHead(200, { 'content-type': 'application/json' });
    if (!watching) {
      return void response.end(
        JSON.stringify({ metadata: { resourceVersion: String(this.#version) }, items: [...this.objects.values()] }),
      );
    }
    response.flushHeaders();
    if (fault === 'gone') {
      return void response.end(`${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })}\n`);
    }
    if (fault === 'hang-up') return void response.end();
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
    this.#replay(response, Number(url.searchParams.get('resourceVersion')));
  }

  /** What a real server does for a watch that starts in the past; deletions are not remembered here. */
  #replay(response: ServerResponse, from: number): void {
    const later = [...this.objects.values()].filter((o) => Number(o.metadata.resourceVersion) > from);
    later.sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
    for (const object of later) response.write(`${JSON.stringify({ type: 'MODIFIED', object })}\n`);
  }
}
