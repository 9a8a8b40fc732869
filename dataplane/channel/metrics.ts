/** Figures of a channel server, by the names of the design. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

const SIZE_BUCKETS = [1, 10, 100, 1_000, 10_000] as const;

export class ChannelMetrics {
  readonly registry: Registry;
  readonly channelsPerHost: Gauge;
  readonly slotsOwned: Gauge;
  readonly links: Gauge;
  readonly linkQueueBytes: Gauge;
  readonly linksCut: Counter;
  readonly persistSeconds: Histogram;
  readonly batchRows: Histogram;
  readonly appendFailures: Counter<'code'>;
  readonly eventsEncoded: Counter;
  readonly framesSent: Counter;
  readonly takeovers: Counter;
  readonly handoffs: Counter;
  readonly handoffPauseSeconds: Histogram;
  readonly slotsFenced: Counter;
  readonly clockSkewMs: Gauge;
  readonly projectionRetries: Counter;
  readonly #fanOut: Histogram<'channel_size_bucket'>;

  /** `collect` sets the gauges when they are asked for. */
  constructor(registry: Registry = new Registry(), collect: () => void = () => {}) {
    this.registry = registry;
    const registers = [registry];
    const gauge = (name: string, help: string): Gauge => new Gauge({ name, help, registers });
    const counter = (name: string, help: string): Counter => new Counter({ name, help, registers });
    this.channelsPerHost = new Gauge({
      name: 'channel_server_channels_per_host',
      help: 'Topics in memory.',
      registers,
      collect, // registered first, so its collect runs before the others are read
    });
    this.slotsOwned = gauge('ring_slots_owned', 'Slots claimed and served.');
    this.links = gauge('links_open', 'Links of gateways, API and channel servers.');
    this.linkQueueBytes = gauge('link_queue_bytes', 'Bytes queued to all links and not yet handed to the kernel.');
    this.linksCut = counter('links_cut_total', 'Links closed because their queue was full.');
    this.persistSeconds = new Histogram({
      name: 'message_persist_latency',
      help: 'Seconds from the arrival of a durable operation to its commit.',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.batchRows = new Histogram({
      name: 'group_commit_rows',
      help: 'Log rows of one transaction.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
      registers,
    });
    this.appendFailures = new Counter({
      name: 'append_failures_total',
      help: 'Transactions that did not commit, by error code.',
      labelNames: ['code'],
      registers,
    });
    this.eventsEncoded = counter('events_encoded_total', 'Events whose JSON text was made.');
    this.framesSent = counter('event_frames_sent_total', 'Event frames given to links.');
    this.takeovers = counter('ring_takeovers_total', 'Slots taken over from dead owners.');
    this.handoffs = counter('ring_handoffs_total', 'Slots handed to another server by plan.');
    this.handoffPauseSeconds = new Histogram({
      name: 'ring_handoff_pause_seconds',
      help: 'Of each slot that came by a planned handoff: seconds from its freeze at the old owner until it was served here.',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 1, 2.5, 5],
      registers,
    });
    this.slotsFenced = counter('ring_slots_fenced_total', 'Slots lost because a fence named a newer owner.');
    this.clockSkewMs = gauge('clock_skew_ms', "Own wall clock less the store's.");
    this.projectionRetries = counter('projection_retries_total', 'Failed steps of the outbox, tried again.');
    this.#fanOut = new Histogram({
      name: 'fan_out_ratio',
      help: 'Links that an event was sent to, by the number of subscribed links.',
      labelNames: ['channel_size_bucket'],
      buckets: [0, 1, 2, 4, 8, 16, 32, 64, 128],
      registers,
    });
  }

  /** Told by the new owner, who outlives a server that leaves: the pauses of a rollout are not lost with the old ones. */
  handedIn(slots: number, pauseMs: number): void {
    for (let i = 0; i < slots; i++) this.handoffPauseSeconds.observe(pauseMs / 1_000);
  }

  fanOut(sent: number, users: number): void {
    const bucket = SIZE_BUCKETS.find((size) => users <= size);
    this.#fanOut.observe({ channel_size_bucket: bucket === undefined ? '+Inf' : String(bucket) }, sent);
  }
}
