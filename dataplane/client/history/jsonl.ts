/** Histories and logs as files: one JSON object a line, streamed both ways. */
import { createReadStream, createWriteStream, type WriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Appends records to a file; what was written before a crash can be read. */
export class JsonlWriter<T> {
  readonly #stream: WriteStream;
  #failure: Error | undefined;
  #closed: Promise<void> | undefined;

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'w' });
    this.#stream.on('error', (e) => {
      this.#failure = e;
    });
  }

  write(record: T): void {
    this.#stream.write(`${JSON.stringify(record)}\n`);
  }

  /** Resolves when everything is with the operating system; rejects when a write failed. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure);
      this.#stream.once('error', reject);
      this.#stream.end(() => (this.#failure === undefined ? resolve() : reject(this.#failure)));
    });
    return this.#closed;
  }
}

/** The records of a file. A torn last line (its writer was killed) is left out; any other bad line rejects, naming it. */
export async function* readJsonl<T>(path: string): AsyncGenerator<T> {
  let number = 0;
  let bad: string | undefined;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (bad !== undefined) throw new SyntaxError(bad);
    if (line === '') continue;
    try {
      yield JSON.parse(line) as T;
    } catch {
      bad = `${path}:${number} is not JSON`;
    }
  }
}
