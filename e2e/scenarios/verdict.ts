/** The verdict of a batch of rounds: what was measured, and why it does not hold. Pure. */
import type { Verdict as Checked } from '../../dataplane/client/history/index.ts';
import type { RoundFigures } from './round.ts';

export interface LoadResult {
  sent: number;
  acknowledged: number;
  delivered: number;
  resumes: number;
  http_requests: number;
  http_failures: number;
}

export interface BatchVerdict extends LoadResult {
  scenario: string;
  holds: boolean;
  /** One sentence for each thing that does not hold. */
  broken: string[];
  /** ISO 8601, UTC. */
  began: string;
  /** The commit that was run; `+` when the checkout held more than it. */
  commit: string;
  rounds: RoundFigures[];
  lost: number;
  duplicated: number;
  reordered: number;
  foreign: number;
  after_kick: number;
  log_broken: number;
  /** Slots that were taken from servers that had not failed. */
  false_failovers: number;
}

const FINDINGS = ['lost', 'duplicated', 'reordered', 'foreign', 'after_kick', 'log_broken'] as const;

export function judge(batch: {
  scenario: string;
  began: string;
  commit: string;
  requestsMayFail: boolean;
  rounds: RoundFigures[];
  load: LoadResult;
  failures: readonly string[];
  checked: Checked;
  /** What ended the batch before its time. */
  error?: string;
}): BatchVerdict {
  const { checked, load, rounds } = batch;
  const falseFailovers = rounds.reduce((sum, r) => sum + Math.max(0, r.takeovers - r.slots_of_the_failed), 0);
  const broken = rounds.flatMap((r, i) => r.broken.map((b) => `round ${i + 1}: ${b}`));
  if (batch.error !== undefined) broken.push(batch.error);
  for (const kind of FINDINGS) if (checked[kind] !== 0) broken.push(`${kind} is ${checked[kind]}, not 0`);
  for (const { kind, message } of checked.findings) broken.push(`${kind}: ${message}`);
  if (load.http_failures > 0 && !batch.requestsMayFail)
    broken.push(`${load.http_failures} requests failed, the first: ${batch.failures[0] ?? 'not kept'}`);
  if (falseFailovers > 0) broken.push(`${falseFailovers} slots were taken from servers that had not failed`);
  if (load.acknowledged === 0) broken.push('nothing was acknowledged: there was no load');
  if (rounds.length === 0) broken.push('no round was run');
  return {
    scenario: batch.scenario,
    holds: broken.length === 0,
    broken,
    began: batch.began,
    commit: batch.commit,
    rounds,
    ...load,
    ...(Object.fromEntries(FINDINGS.map((kind) => [kind, checked[kind]])) as Pick<Checked, (typeof FINDINGS)[number]>),
    false_failovers: falseFailovers,
  };
}

/** All of both, oldest first; a batch that is in both counts once. */
export function mergeRuns(kept: readonly BatchVerdict[], fresh: readonly BatchVerdict[]): BatchVerdict[] {
  const byBatch = new Map([...kept, ...fresh].map((v) => [`${v.began} ${v.scenario}`, v]));
  return [...byBatch].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, verdict]) => verdict);
}

/** The smallest value that `q` (0 to 1) of all values do not exceed. Undefined of none. */
export function quantile(values: readonly number[], q: number): number | undefined {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)];
}
