/**
 * What every benchmark is made of: contestants that do the same work, side by side in one run, in rounds that take
 * turns; figures with every round's value; and claims that decide the exit code.
 */
export interface Contestant {
  name: string;
  /** One round: a value for each figure, by its key. */
  round(): Promise<Readonly<Record<string, number>>>;
}

export interface FigureSpec {
  key: string;
  what: string;
  unit: string;
}

/** Values a round, by contestant. The first contestant is ours. */
export interface Figure extends FigureSpec {
  values: Readonly<Record<string, readonly number[]>>;
}

/** What is promised, and what was measured of it. */
export interface Claim {
  what: string;
  measured: string;
  holds: boolean;
}

export interface RunOptions {
  rounds: number;
  /** Small sizes, to prove that the benchmark measures something: its claims are not judged. */
  smoke: boolean;
  progress: (line: string) => void;
}

export interface Outcome {
  /** The sizes that the figures stand for. */
  setting: Readonly<Record<string, number | string>>;
  figures: readonly Figure[];
  claims: readonly Claim[];
}

export interface Bench {
  name: string;
  rounds: number;
  run(options: RunOptions): Promise<Outcome>;
}

/**
 * Runs the rounds: in every second one the contestants stand in the opposite order, so that neither always follows the
 * other. A round before the first is thrown away. Throws when a contestant leaves out a figure.
 */
export async function takeTurns(
  contestants: readonly Contestant[],
  specs: readonly FigureSpec[],
  { rounds, progress }: Pick<RunOptions, 'rounds' | 'progress'>,
): Promise<Figure[]> {
  const values = new Map(contestants.map((c) => [c, new Map<string, number[]>(specs.map((s) => [s.key, []]))]));
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? contestants : contestants.toReversed();
    for (const contestant of order) {
      progress(`${round === 0 ? 'warm-up' : `round ${round} of ${rounds}`}: ${contestant.name}`);
      const measured = await contestant.round();
      for (const [key, series] of values.get(contestant)!) {
        const value = measured[key];
        if (value === undefined || !Number.isFinite(value))
          throw new Error(`${contestant.name} measured no ${key}: ${value}`);
        if (round > 0) series.push(value);
      }
    }
  }
  return specs.map((spec) => ({
    ...spec,
    values: Object.fromEntries(contestants.map((c) => [c.name, values.get(c)!.get(spec.key)!])),
  }));
}
