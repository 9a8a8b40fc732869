/** What a fault proxy does to the events of one watch. */
import type { ServerResponse } from 'node:http';

/**
 * `duplicate`: twice. `stale`: an event of before comes again after it. `swap`: the next event of another object
 * overtakes it. `late`: it and all after it wait, so that other watches are ahead. `reset`: lost with the connection.
 * `gone`: 410 in its place. `freeze`: it and all after it never come, and the connection stays open.
 */
export type WatchFault = 'none' | 'duplicate' | 'stale' | 'swap' | 'late' | 'reset' | 'gone' | 'freeze';

const GONE = JSON.stringify({
  type: 'ERROR',
  object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version: a fault' },
});
/** A real server would never hold an event back for ever. */
const HELD_MS = 100;
const HISTORY = 200;

/** One line of a watch, with what is needed of it. */
export class EventLine {
  readonly text: string;
  readonly bookmark: boolean;
  readonly uid: string;

  constructor(text: string) {
    const { type, object } = JSON.parse(text) as { type: string; object: { metadata?: { uid?: string } } };
    this.text = text;
    this.bookmark = type === 'BOOKMARK' || type === 'ERROR';
    this.uid = object.metadata?.uid ?? '';
  }
}

export class WatchTampering {
  readonly #response: ServerResponse;
  readonly #next: () => WatchFault;
  readonly #history: EventLine[];
  readonly #count: (fault: string) => void;
  #held: { line: EventLine; timer: NodeJS.Timeout } | undefined;
  /** Events that wait behind a late one. */
  #queue: EventLine[] | undefined;
  #over = false;

  constructor(response: ServerResponse, next: () => WatchFault, history: EventLine[], count: (fault: string) => void) {
    this.#response = response;
    this.#next = next;
    this.#history = history;
    this.#count = count;
  }

  take(line: EventLine): void {
    if (this.#over) return;
    if (this.#queue) {
      this.#queue.push(line);
      return;
    }
    if (line.bookmark) {
      this.#flush();
      this.#write(line);
      return;
    }
    const fault = this.#next();
    if (fault !== 'none') this.#count(fault);
    this.#strike(fault, line);
    this.#history.push(line);
    if (this.#history.length > HISTORY) this.#history.shift();
  }

  end(): void {
    for (const line of this.#queue ?? []) this.#write(line);
    this.#flush();
    if (!this.#over) this.#response.end();
  }

  #strike(fault: WatchFault, line: EventLine): void {
    switch (fault) {
      case 'swap':
        this.#flush();
        this.#held = { line, timer: setTimeout(() => this.#flush(), HELD_MS) };
        return;
      case 'late':
        this.#flush();
        this.#queue = [];
        setTimeout(() => this.#release(line), HELD_MS);
        return;
      case 'reset':
      case 'gone':
      case 'freeze':
        // What is held back came before: a client that goes on after it must have had it.
        this.#flush();
        this.#over = true;
        if (fault === 'reset') this.#response.socket?.resetAndDestroy();
        else if (fault === 'gone') this.#response.end(`${GONE}\n`);
        return;
      default:
        this.#deliver(line);
        if (fault === 'duplicate') this.#write(line);
        if (fault === 'stale') for (const old of this.#history.slice(-20)) this.#write(old);
    }
  }

  /** Behind it comes what it overtook; two events of one object keep their order. */
  #deliver(line: EventLine): void {
    if (this.#held?.line.uid === line.uid) this.#flush();
    this.#write(line);
    this.#flush();
  }

  #release(line: EventLine): void {
    const waiting = this.#queue ?? [];
    this.#queue = undefined;
    this.#deliver(line);
    for (const next of waiting) this.take(next);
  }

  #flush(): void {
    if (!this.#held) return;
    clearTimeout(this.#held.timer);
    const { line } = this.#held;
    this.#held = undefined;
    this.#write(line);
  }

  #write(line: EventLine): void {
    if (!this.#over) this.#response.write(`${line.text}\n`);
  }
}
