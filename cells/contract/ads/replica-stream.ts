/**
 * A stream to the control plane: to one replica at a time, to the next one with jittered back-off when it fails. It
 * knows nothing of what travels on it. Streams of one process to the same replica share a connection.
 */
import { Client, type ClientDuplexStream, credentials, type MethodDefinition } from '@grpc/grpc-js';
import type { Clock, Random, Timer } from '../clock.ts';
import type { Logger } from '../process/log.ts';

export interface ReplicaOptions {
  /** host:port of the replicas in order of preference: the own zone's first. */
  addresses: readonly string[];
  clock: Clock;
  random: Random;
  log: Logger;
  /** Bounds of the back-off in ms. */
  backoff?: { baseMs: number; maxMs: number };
}

export interface ReplicaStreamHandlers<Request, Response> {
  /** A new stream: what comes first on it. */
  opened(): readonly Request[];
  response(response: Response): void;
}

/** A replica that answers nothing for so long, at the start, does not know anything yet: try another. */
const FIRST_ANSWER_MS = 3_000;
const CHANNEL_OPTIONS = {
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.enable_retries': 0,
  'grpc.max_receive_message_length': 64 << 20,
};

export class ReplicaStream<Request, Response> {
  readonly #method: MethodDefinition<Request, Response>;
  readonly #options: ReplicaOptions;
  readonly #handlers: ReplicaStreamHandlers<Request, Response>;
  #client: Client | undefined;
  #stream: ClientDuplexStream<Request, Response> | undefined;
  #timer: Timer | undefined;
  #next = 0;
  #failures = 0;
  #answered = false;
  #closed = false;

  constructor(
    method: MethodDefinition<Request, Response>,
    options: ReplicaOptions,
    handlers: ReplicaStreamHandlers<Request, Response>,
  ) {
    if (options.addresses.length === 0) throw new TypeError('no control plane address');
    this.#method = method;
    this.#options = options;
    this.#handlers = handlers;
    this.#connect();
  }

  /** The replica has answered on the present stream. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Dropped while there is no stream. */
  write(request: Request): void {
    this.#stream?.write(request);
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #connect(): void {
    const { addresses, clock, log } = this.#options;
    const address = addresses[this.#next++ % addresses.length]!;
    const client = new Client(address, credentials.createInsecure(), CHANNEL_OPTIONS);
    const { path, requestSerialize, responseDeserialize } = this.#method;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    this.#client = client;
    this.#stream = stream;
    this.#timer = clock.after(FIRST_ANSWER_MS, () => this.#failed(stream, address, new Error('no answer')));
    stream.on('error', (e: Error) => this.#failed(stream, address, e));
    stream.on('end', () => this.#failed(stream, address, new Error('closed by the control plane')));
    stream.on('data', (response: Response) => {
      if (stream !== this.#stream) return;
      this.#timer?.cancel();
      if (this.#failures > 0) log.info({ address, path }, 'control plane answers');
      this.#answered = true;
      this.#failures = 0;
      this.#handlers.response(response);
    });
    for (const request of this.#handlers.opened()) stream.write(request);
  }

  #failed(stream: ClientDuplexStream<Request, Response>, address: string, err: Error): void {
    if (this.#closed || stream !== this.#stream) return;
    this.#drop();
    const { baseMs, maxMs } = this.#options.backoff ?? { baseMs: 200, maxMs: 5_000 };
    const cap = Math.min(maxMs, baseMs * 2 ** Math.min(this.#failures++, 10));
    const delayMs = cap * (0.5 + this.#options.random.next() / 2);
    const { path } = this.#method;
    // An outage is two lines, of its begin and of its end, however long it lasts.
    const level = this.#failures === 1 ? 'warn' : 'debug';
    this.#options.log[level](
      { address, path, problem: err.message, delayMs: Math.round(delayMs) },
      'control plane lost',
    );
    this.#timer = this.#options.clock.after(delayMs, () => this.#connect());
  }

  #drop(): void {
    this.#timer?.cancel();
    const stream = this.#stream;
    this.#stream = undefined;
    this.#answered = false;
    stream?.on('error', () => {}); // its cancellation is ours
    stream?.cancel();
    this.#client?.close();
    this.#client = undefined;
  }
}
