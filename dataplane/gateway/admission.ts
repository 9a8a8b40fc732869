/**
 * Admission of connecting clients: at most `inFlight` handshakes at a time, resumes before fresh connects, and a
 * bounded queue. After a zone is lost everybody returns at once: the handshakes then take turns, and who resumes (a
 * cheap thing) does not wait behind who boots.
 */
import { ChatError } from '../../cells/contract/errors.ts';

export type AdmissionClass = 'resume' | 'fresh';

interface Waiting {
  admit(): void;
  refuse(error: ChatError): void;
}

export class Admission {
  readonly #limits: { inFlight: number; queued: number };
  readonly #queues: Record<AdmissionClass, Waiting[]> = { resume: [], fresh: [] };
  #inFlight = 0;

  constructor(limits: { inFlight: number; queued: number }) {
    this.#limits = limits;
  }

  get queued(): number {
    return this.#queues.resume.length + this.#queues.fresh.length;
  }
  get full(): boolean {
    return this.queued >= this.#limits.queued;
  }

  /** Runs the handshake when its turn comes. Rejects with `overloaded` when the queue is full, else as `handshake` does. */
  async run<T>(kind: AdmissionClass, handshake: () => Promise<T>): Promise<T> {
    await this.#turn(kind);
    try {
      return await handshake();
    } finally {
      this.#inFlight--;
      this.#next();
    }
  }

  #turn(kind: AdmissionClass): Promise<void> {
    if (this.#inFlight < this.#limits.inFlight) {
      this.#inFlight++;
      return Promise.resolve();
    }
    if (this.full && !this.#makeRoom(kind)) return Promise.reject(new ChatError('overloaded'));
    return new Promise((resolve, reject) => this.#queues[kind].push({ admit: resolve, refuse: reject }));
  }

  /** A resume takes the place of the fresh connect that came last. */
  #makeRoom(kind: AdmissionClass): boolean {
    const last = kind === 'resume' ? this.#queues.fresh.pop() : undefined;
    last?.refuse(new ChatError('overloaded'));
    return last !== undefined;
  }

  #next(): void {
    const next = this.#queues.resume.shift() ?? this.#queues.fresh.shift();
    if (next === undefined) return;
    this.#inFlight++;
    next.admit();
  }
}
