/** What was done to each channel server: whoever is taken over from must have had some trouble of its own. */

/** From the end of a trouble to the last takeover that it may explain: four missed beats, and a store that is slow. */
const AFTERMATH_MS = 12_000;

export class Health {
  readonly #now: () => number;
  /** By incarnation; the end of the trouble is Infinity while it lasts. */
  readonly #troubles = new Map<string, { until: number }[]>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Returns how to end it; one that is never ended lasts for good. */
  trouble(incarnation: string): () => void {
    const trouble = { until: Number.POSITIVE_INFINITY };
    const troubles = this.#troubles.get(incarnation);
    if (troubles === undefined) this.#troubles.set(incarnation, [trouble]);
    else troubles.push(trouble);
    return () => {
      trouble.until = this.#now();
    };
  }

  hadTrouble(incarnation: string): boolean {
    const since = this.#now() - AFTERMATH_MS;
    return this.#troubles.get(incarnation)?.some(({ until }) => until >= since) === true;
  }
}
