/** One repeat of a scenario as it is being measured. */
export interface RoundFigures {
  /** Faults made in this round. */
  faults: number;
  seconds: number;
  /** Of each affected topic: ms from the fault to the first acknowledgement of a post that was sent after it. */
  gaps_ms: number[];
  /** Slots that a standby took over, and those that it had reason to. */
  takeovers: number;
  slots_of_the_failed: number;
  broken: string[];
  [figure: string]: number | number[] | string[];
}

export class Round {
  readonly #began = performance.now();
  readonly #say: (line: string) => void;
  readonly figures: RoundFigures = {
    faults: 0,
    seconds: 0,
    gaps_ms: [],
    takeovers: 0,
    slots_of_the_failed: 0,
    broken: [],
  };

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  say(line: string): void {
    this.#say(line);
  }

  /** Counts one fault. */
  fault(what: string): void {
    this.figures.faults++;
    this.#say(what);
  }

  /** Slots of servers that are to lose theirs to their standbys. */
  failed(slots: number): void {
    this.figures.slots_of_the_failed += slots;
  }

  note(figure: string, value: number): void {
    this.figures[figure] = Math.round(value * 10) / 10;
  }

  gaps(ms: readonly number[]): void {
    this.figures.gaps_ms.push(...ms);
    if (ms.length > 0) this.#say(`acknowledged again after ${Math.min(...ms)} to ${Math.max(...ms)} ms`);
  }

  expect(holds: boolean, otherwise: string): void {
    if (holds) return;
    this.figures.broken.push(otherwise);
    this.#say(`BROKEN: ${otherwise}`);
  }

  end(): RoundFigures {
    this.note('seconds', (performance.now() - this.#began) / 1000);
    return this.figures;
  }
}
