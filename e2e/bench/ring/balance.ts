/** How evenly owners hold topics, and how much moves when a server is added. */

/** The most topics of a server over the average. */
export function maxOverAverage(owners: Iterable<string>, servers: number): number {
  const counts = new Map<string, number>();
  let total = 0;
  for (const owner of owners) {
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
    total++;
  }
  return Math.max(...counts.values()) / (total / servers);
}

/** Percent of topics whose owner is another one afterwards. */
export function movedPercent(before: readonly string[], after: readonly string[]): number {
  return (100 * before.filter((owner, i) => owner !== after[i]).length) / before.length;
}
