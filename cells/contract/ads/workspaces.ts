/** Workspaces subscribed to by name on first use, the least recently used ones dropped above a bound. */
import type { Clock, Timer } from '../clock.ts';
import type { WorkspaceEntry } from '../control.ts';
import { ChatError } from '../errors.ts';
import type { WorkspaceId } from '../ids.ts';

interface Slot {
  /** undefined in `known` state: the control plane says that there is none. */
  entry: WorkspaceEntry | undefined;
  known: boolean;
  waiters: { resolve(entry: WorkspaceEntry | undefined): void; reject(e: Error): void; timer: Timer }[];
}

export interface WorkspacesOptions {
  clock: Clock;
  /** Most names held at once. */
  limit: number;
  /** How long a lookup waits for the control plane's answer, in ms. */
  waitMs: number;
  onSubscribe(id: WorkspaceId): void;
  onForget(id: WorkspaceId): void;
}

export class Workspaces {
  readonly #options: WorkspacesOptions;
  /** In order of use, the least recent first. */
  readonly #slots = new Map<WorkspaceId, Slot>();

  constructor(options: WorkspacesOptions) {
    this.#options = options;
  }

  has(id: WorkspaceId): boolean {
    return this.#slots.has(id);
  }
  names(): WorkspaceId[] {
    return [...this.#slots.keys()];
  }

  /** Rejects with `service_unavailable` when no answer comes in time. */
  get(id: WorkspaceId): Promise<WorkspaceEntry | undefined> {
    const held = this.#slots.get(id);
    const slot = held ?? { entry: undefined, known: false, waiters: [] };
    this.#slots.delete(id);
    this.#slots.set(id, slot);
    if (slot.known) return Promise.resolve(slot.entry);
    const answer = new Promise<WorkspaceEntry | undefined>((resolve, reject) => {
      const timer = this.#options.clock.after(this.#options.waitMs, () => {
        slot.waiters = slot.waiters.filter((w) => w.timer !== timer);
        reject(new ChatError('service_unavailable', { problem: 'the control plane does not answer' }));
      });
      slot.waiters.push({ resolve, reject, timer });
    });
    if (held === undefined) {
      this.#options.onSubscribe(id);
      this.#trim();
    }
    return answer;
  }

  /** Takes an entry unless a newer generation is held. Returns whether anything changed. */
  put(id: WorkspaceId, entry: WorkspaceEntry | undefined): boolean {
    const slot = this.#slots.get(id) ?? { entry: undefined, known: false, waiters: [] };
    if (entry && slot.entry && entry.generation < slot.entry.generation) return false;
    this.#slots.set(id, slot);
    const changed = !slot.known || slot.entry !== entry;
    slot.entry = entry;
    slot.known = true;
    for (const { resolve, timer } of slot.waiters.splice(0)) {
      timer.cancel();
      resolve(entry);
    }
    return changed;
  }

  close(): void {
    for (const slot of this.#slots.values())
      for (const { reject, timer } of slot.waiters.splice(0)) {
        timer.cancel();
        reject(new ChatError('service_unavailable', { problem: 'closing' }));
      }
  }

  #trim(): void {
    for (const [id, slot] of this.#slots) {
      if (this.#slots.size <= this.#options.limit) return;
      if (slot.waiters.length > 0) continue;
      this.#slots.delete(id);
      this.#options.onForget(id);
    }
  }
}
