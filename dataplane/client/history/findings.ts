import { FINDING_KINDS, type Finding, type FindingKind } from './records.ts';

/** Counts every finding and keeps the first `max` of each kind. */
export class Findings {
  readonly #counts = Object.fromEntries(FINDING_KINDS.map((kind) => [kind, 0])) as Record<FindingKind, number>;
  readonly #kept: Finding[] = [];
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  add(finding: Finding): void {
    if (++this.#counts[finding.kind] <= this.#max) this.#kept.push(finding);
  }

  get counts(): Record<FindingKind, number> {
    return { ...this.#counts };
  }
  get kept(): Finding[] {
    return [...this.#kept];
  }
}
