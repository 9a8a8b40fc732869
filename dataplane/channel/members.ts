/** Who is a member of one channel: read lazily from the store, kept right by the channel's own committed events. */
import type { UserId } from '../../cells/contract/ids.ts';

/** A membership looked up is a few bytes; a channel of more readers than twice this forgets and reads again. */
const MAX_KNOWN = 20_000;

export class Members {
  readonly #readOne: (user: UserId) => Promise<boolean>;
  #known = new Map<UserId, boolean>();
  /** What was known before there were too many: nobody who has just been looked up is forgotten before he is asked for. */
  #older: ReadonlyMap<UserId, boolean> = new Map();
  #changes = 0;

  constructor(readOne: (user: UserId) => Promise<boolean>) {
    this.#readOne = readOne;
  }

  /** Undefined when it has not been looked up. */
  get(user: UserId): boolean | undefined {
    return this.#known.get(user) ?? this.#older.get(user);
  }

  /** Afterwards `get` knows each of them. Rejects with `store_unavailable`. */
  async lookUp(users: readonly UserId[]): Promise<void> {
    const missing = users.filter((user) => this.get(user) === undefined);
    if (missing.length === 0) return;
    if (this.#known.size + missing.length > MAX_KNOWN) {
      this.#older = this.#known;
      this.#known = new Map();
    }
    await Promise.all(missing.map((user) => this.#read(user)));
  }

  committed(user: UserId, member: boolean): void {
    this.#changes++;
    this.#known.set(user, member);
  }

  async #read(user: UserId): Promise<void> {
    for (;;) {
      const before = this.#changes;
      const isMember = await this.#readOne(user);
      if (this.get(user) !== undefined) return;
      // A membership that changed while this was read may have been read as it was before.
      if (before !== this.#changes) continue;
      this.#known.set(user, isMember);
      return;
    }
  }
}
