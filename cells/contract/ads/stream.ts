/**
 * The delta ADS client stream: one replica at a time, the next one with jittered back-off when it fails. It knows
 * nothing of what the resources mean; `AdsSink` does.
 */
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import type { Clock, Random, Timer } from '../clock.ts';
import type { Logger } from '../process/log.ts';
import { ADS_SERVICE, type DeltaRequest, type DeltaResource, type DeltaResponse, type XdsNode } from './messages.ts';

export interface AdsSink {
  /** What to ask for, by type, at the start of each stream. */
  subscriptions(): { type: string; names: string[]; versions: Record<string, string> }[];
  /** Takes what it can. Returns why the rest was refused; an empty list is an ACK. */
  apply(type: string, resources: readonly DeltaResource[], removed: readonly string[]): string[];
}

export interface AdsStreamOptions {
  /** host:port of the replicas in order of preference: the own zone's first. */
  addresses: readonly string[];
  node: XdsNode;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Bounds of the back-off in ms. */
  backoff?: { baseMs: number; maxMs: number };
}

type Stream = ClientDuplexStream<DeltaRequest, DeltaResponse>;

/** A replica that answers nothing for so long, at the start, does not know anything yet: try another. */
const FIRST_ANSWER_MS = 3_000;
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 64 << 20,
};

export class AdsStream {
  readonly #options: AdsStreamOptions;
  readonly #sink: AdsSink;
  #client: Client | undefined;
  #stream: Stream | undefined;
  #timer: Timer | undefined;
  #next = 0;
  #failures = 0;
  #closed = false;

  constructor(options: AdsStreamOptions, sink: AdsSink) {
    if (options.addresses.length === 0) throw new TypeError('no control plane address');
    this.#options = options;
    this.#sink = sink;
    this.#connect();
  }

  get connected(): boolean {
    return this.#stream !== undefined && this.#failures === 0;
  }

  /** Changes a subscription by name on the live stream; without one the next stream asks for everything anyway. */
  change(type: string, subscribe: string[], unsubscribe: string[]): void {
    this.#stream?.write({
      type_url: type,
      resource_names_subscribe: subscribe,
      resource_names_unsubscribe: unsubscribe,
    });
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #connect(): void {
    const { addresses, clock, log, node } = this.#options;
    const address = addresses[this.#next++ % addresses.length]!;
    const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    const { path, requestSerialize, responseDeserialize } = ADS_SERVICE.DeltaAggregatedResources;
    const stream: Stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#client = client;
    this.#stream = stream;
    this.#timer = clock.after(FIRST_ANSWER_MS, () => this.#failed(stream, address, new Error('no answer')));
    stream.on('error', (e: Error) => this.#failed(stream, address, e));
    stream.on('end', () => this.#failed(stream, address, new Error('closed by the control plane')));
    stream.on('data', (response: DeltaResponse) => {
      if (stream !== this.#stream) return;
      this.#timer?.cancel();
      if (this.#failures > 0 || this.#next > 1) log.debug({ address }, 'control plane answers');
      this.#failures = 0;
      this.#answer(stream, response);
    });
    for (const [i, { type, names, versions }] of this.#sink.subscriptions().entries())
      stream.write({
        ...(i === 0 ? { node } : {}),
        type_url: type,
        resource_names_subscribe: names,
        initial_resource_versions: versions,
      });
  }

  #answer(stream: Stream, response: DeltaResponse): void {
    const { type_url, nonce, resources, removed_resources } = response;
    const refused = this.#sink.apply(type_url, resources, removed_resources);
    if (refused.length > 0) this.#options.log.error({ type: type_url, refused }, 'control resource refused');
    stream.write({
      type_url,
      response_nonce: nonce,
      ...(refused.length > 0 ? { error_detail: { code: 3, message: refused.join('; ') } } : {}),
    });
  }

  #failed(stream: Stream, address: string, err: Error): void {
    if (this.#closed || stream !== this.#stream) return;
    this.#drop();
    const { baseMs, maxMs } = this.#options.backoff ?? { baseMs: 200, maxMs: 5_000 };
    const cap = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures++, 10));
    const delayMs = cap * (0.5 + this.#options.random.next() / 2);
    this.#options.log.warn({ address, problem: err.message, delayMs: Math.round(delayMs) }, 'control plane lost');
    this.#timer = this.#options.clock.after(delayMs, () => this.#connect());
  }

  #drop(): void {
    this.#timer?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    stream?.on('error', () => {}); // its cancellation is ours
    stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }
}
