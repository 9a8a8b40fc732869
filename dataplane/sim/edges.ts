/**
 * What the edges' Envoys do: one a zone, each with the weights of the cells that it heard last. A new socket or request
 * goes to a cell by weight, and to another when that one has nobody who answers; a socket then stays where it is.
 */
import type { ApiRequest } from '../api/dispatch.ts';
import {
  type ConnectionHandlers,
  type Http,
  HttpFailure,
  type HttpResponse,
  type OpenSocket,
} from '../client/index.ts';
import type { ConnectParams } from '../gateway/client-socket.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { CONNECT_TIMEOUT_MS, type SimNetwork } from './network.ts';
import type { PipeSide } from './pipe.ts';
import type { SimProcess } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { SeededRandom } from './seeded-random.ts';
import { ClientEnd, GatewayEnd } from './web-socket.ts';

/** As the client's own transport gives up. */
const HANDSHAKE_TIMEOUT_MS = 10_000;
/** A process that is stopped this long has failed its readiness probe. */
const UNREADY_MS = 2_000;

export interface GatewayEndpoint {
  process: SimProcess;
  gateway: Pick<Gateway, 'accept' | 'refusal'>;
}
export interface ApiEndpoint {
  process: SimProcess;
  /** Never rejects. */
  handle(request: Omit<ApiRequest, 'trace'>): Promise<HttpResponse>;
}

export interface EdgesOptions {
  scheduler: Scheduler;
  network: SimNetwork;
  random: SeededRandom;
  gateways(): readonly GatewayEndpoint[];
  apis(): readonly ApiEndpoint[];
}

export const edgeUrl = (zone: string): string => `http://${zone}.edge`;
const zoneOf = (url: URL): string => url.hostname.replace('.edge', '');

export class SimEdges {
  readonly #o: EdgesOptions;
  /** The weights in force at the edge of a zone, by cell; a cell that is not there has all of it. */
  readonly weights = new Map<string, ReadonlyMap<string, number>>();

  constructor(options: EdgesOptions) {
    this.#o = options;
  }

  openSocket(client: SimProcess): OpenSocket {
    return (url, handlers) => new Dial(this.#o, { client, edges: this }, new URL(url), handlers);
  }

  http(client: SimProcess): Http {
    return (request) => {
      const url = new URL(request.url);
      const asked = {
        method: url.pathname.replace('/api/', ''),
        args: JSON.parse(request.body) as Record<string, unknown>,
        bearer: request.headers.authorization?.replace('Bearer ', ''),
        origin: url.origin,
      };
      return this.#request(client, zoneOf(url), asked, request.timeoutMs);
    };
  }

  /** One of those that can be reached from the zone's edge and answer, by the weights of their cells. */
  pick<E extends { process: SimProcess }>(zone: string, endpoints: readonly E[]): E | undefined {
    const { network, random } = this.#o;
    const fit = endpoints.filter(
      ({ process }) =>
        process.alive && process.stoppedForMs < UNREADY_MS && !network.isCutEitherWay([zone, process.zone]),
    );
    if (fit.length === 0) return undefined;
    const weights = this.weights.get(zone);
    const weighted = fit.map((e) => ({ e, weight: weights?.get(e.process.zone) ?? 100 }));
    let at = random.next() * weighted.reduce((sum, { weight }) => sum + weight, 0);
    for (const { e, weight } of weighted) {
      at -= weight;
      if (weight > 0 && at < 0) return e;
    }
    return random.pick(fit); // all of weight zero: better than nobody
  }

  #request(
    client: SimProcess,
    zone: string,
    asked: Omit<ApiRequest, 'trace'>,
    timeoutMs: number,
  ): Promise<HttpResponse> {
    const { scheduler, network } = this.#o;
    return new Promise((resolve, reject) => {
      const fail = (afterMs: number, sent: boolean): void => {
        scheduler.after(afterMs, () => client.enter(() => reject(new HttpFailure(sent, undefined))));
      };
      const route = [client.zone, zone];
      if (network.isCutEitherWay(route)) return fail(CONNECT_TIMEOUT_MS, false);
      fail(timeoutMs, true);
      const answer = (back: readonly string[], response: HttpResponse): void => {
        if (network.isCut(back)) return; // the client gives up by itself
        scheduler.after(network.latency(back), () => client.enter(() => resolve(response)));
      };
      scheduler.after(network.latency(route), () => {
        const api = this.pick(zone, this.#o.apis());
        if (api === undefined) return answer([zone, client.zone], UPSTREAM_FAILED);
        const { process } = api;
        scheduler.after(network.latency([zone, process.zone]), () => {
          if (!process.alive) return answer([zone, client.zone], UPSTREAM_FAILED);
          process.onDeath(() => answer([zone, client.zone], UPSTREAM_FAILED));
          process.enter(
            () => void api.handle(asked).then((response) => answer([process.zone, zone, client.zone], response)),
          );
        });
      });
    });
  }
}

const UPSTREAM_FAILED: HttpResponse = { status: 503, retryAfterS: undefined, body: 'upstream connect error' };

/** A WebSocket on its way: dialled, then upgraded by a gateway or refused, then the client's end of a pipe. */
class Dial {
  readonly #o: EdgesOptions;
  readonly #client: SimProcess;
  readonly #handlers: ConnectionHandlers;
  #end: ClientEnd | undefined;
  #over = false;

  constructor(o: EdgesOptions, from: { client: SimProcess; edges: SimEdges }, url: URL, handlers: ConnectionHandlers) {
    this.#o = o;
    this.#client = from.client;
    this.#handlers = handlers;
    const { network, scheduler } = o;
    const route = [this.#client.zone, zoneOf(url)];
    if (network.isCutEitherWay(route)) {
      this.#fail(CONNECT_TIMEOUT_MS);
      return;
    }
    this.#fail(HANDSHAKE_TIMEOUT_MS);
    scheduler.after(network.latency(route), () => this.#upgrade(from.edges, url));
  }

  send(text: string): void {
    this.#end?.send(text);
  }
  close(code: number, reason: string): void {
    if (this.#end !== undefined) this.#end.close(code, reason);
    else this.#fail(0);
  }

  #upgrade(edges: SimEdges, url: URL): void {
    const { network, scheduler } = this.#o;
    const zone = zoneOf(url);
    const endpoint = edges.pick(zone, this.#o.gateways());
    if (endpoint === undefined || !this.#client.alive) {
      this.#fail(network.latency([zone, this.#client.zone]));
      return;
    }
    const { process, gateway } = endpoint;
    const route = [this.#client.zone, zone, process.zone];
    const params: ConnectParams = {
      ticket: url.searchParams.get('ticket') ?? undefined,
      boot: url.searchParams.get('boot') !== 'none',
      traceparent: undefined,
    };
    scheduler.after(network.latency([zone, process.zone]), () => {
      if (!process.alive) return this.#fail(network.latency([zone, this.#client.zone]));
      process.enter(() => {
        if (gateway.refusal(params) !== undefined) return this.#fail(network.latency(route));
        const [near, far] = network.pair<Uint8Array>(this.#client, process, route);
        gateway.accept(new GatewayEnd(far, this.#client.name), params);
        scheduler.after(network.latency(route), () => this.#client.enter(() => this.#opened(near)));
      });
    });
  }

  #opened(pipe: PipeSide<Uint8Array>): void {
    if (this.#over) pipe.close({ code: 1006, reason: 'given up' });
    else {
      this.#end = new ClientEnd(pipe);
      this.#end.handle(this.#handlers);
    }
  }

  /** Ends the attempt after this long, unless it has succeeded by then. */
  #fail(afterMs: number): void {
    this.#o.scheduler.after(afterMs, () =>
      this.#client.enter(() => {
        if (this.#over || this.#end !== undefined) return;
        this.#over = true;
        this.#handlers.closed(1006, '');
      }),
    );
  }
}
