/** Reads what is missing of channels from their history: a few at a time, and only for the present connection. */
import type { WebApiResult } from './web-api.ts';

export interface Gap {
  channel: string;
  /** Messages above this seq … */
  after: number;
  /** … up to and with this one. */
  upTo: number;
  /** Timestamps for conversations.history: above `oldest`, up to and with `latest`; undefined where not known. */
  oldest?: string | undefined;
  latest?: string | undefined;
}
export type HistoryMessage = Record<string, unknown> & { seq: number };
export type ReadHistory = (args: Record<string, unknown>) => Promise<WebApiResult>;

const PAGE = 500;
/** More than this of one channel is not filled: the application is better served by paging itself. */
const MAX_PAGES = 20;
const AT_ONCE = 4;

export class GapFill {
  readonly #history: ReadHistory;
  #waiting: (() => Promise<void>)[] = [];
  #running = 0;
  /** Raised by `reset`: answers to what was asked before are not wanted. */
  #generation = 0;

  constructor(history: ReadHistory) {
    this.#history = history;
  }

  /** Calls one of both later: `done` with the messages in seq order, or `failed`; neither after `reset`. */
  read(gap: Gap, done: (messages: HistoryMessage[]) => void, failed: (error: unknown) => void): void {
    const generation = this.#generation;
    const wanted = (): boolean => generation === this.#generation;
    this.#waiting.push(() =>
      readMessages(this.#history, gap, wanted).then(
        (messages) => {
          if (wanted()) done(messages);
        },
        (e: unknown) => {
          if (wanted()) failed(e);
        },
      ),
    );
    this.#next();
  }

  reset(): void {
    this.#generation++;
    this.#waiting = [];
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const work = this.#waiting.shift();
      if (work === undefined) return;
      this.#running++;
      work().finally(() => {
        this.#running--;
        this.#next();
      });
    }
  }
}

/** Pages towards the past, as the history goes, until it is below the gap. */
async function readMessages(history: ReadHistory, gap: Gap, wanted: () => boolean): Promise<HistoryMessage[]> {
  const { channel, after, upTo, oldest, latest } = gap;
  const found = new Map<number, HistoryMessage>();
  let cursor: unknown;
  for (let pages = 0; pages < MAX_PAGES && wanted(); pages++) {
    const page = await history({
      channel,
      ...(oldest === undefined ? {} : { oldest }),
      ...(latest === undefined ? {} : { latest, inclusive: true }),
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    const messages = page.messages as HistoryMessage[];
    for (const message of messages) if (message.seq > after && message.seq <= upTo) found.set(message.seq, message);
    cursor = (page.response_metadata as { next_cursor?: string } | undefined)?.next_cursor;
    if (page.has_more !== true || !cursor || messages.some(({ seq }) => seq <= after)) break;
  }
  return [...found.values()].sort((a, b) => a.seq - b.seq);
}
