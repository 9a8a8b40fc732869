/** What a scenario is. A file holds one kind of fault; `registry.ts` names them all, `runner.ts` runs them. */
import type { LoadScale } from './load-scale.ts';
import type { Round } from './round.ts';
import type { System } from './system.ts';

export interface Scenario {
  /** Kebab-case; also the name of its folder of verdicts. */
  name: string;
  /** What is promised, in one or two sentences: it stands in the report. */
  promise: string;
  load?: Partial<LoadScale>;
  /**
   * The fault leaves no way to answer some requests, as a zone that is cut off: failed requests are counted, and it is
   * the scenario that says which of them are one too many. Otherwise a single one breaks the promise.
   */
  requestsMayFail?: boolean;
  /**
   * One repeat, under load: makes the fault, measures, notes figures and broken promises in `round`, and resolves when
   * the system is whole again. What it throws breaks the promise too, and ends the batch.
   */
  run(system: System, round: Round): Promise<void>;
}
