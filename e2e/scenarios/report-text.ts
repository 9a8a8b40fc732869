/** The soak report as Markdown. Pure: everything in it comes from the verdicts. */
import { type BatchVerdict, quantile } from './verdict.ts';

export interface ScenarioRuns {
  name: string;
  promise: string;
  verdicts: readonly BatchVerdict[];
}

/** A run of the simulation. */
export interface SeedRun {
  seeds: number;
  held: boolean;
  seconds: number;
  commit: string;
}

export function reportOf(runs: readonly ScenarioRuns[], seeds: SeedRun | undefined): string {
  const done = runs.filter((r) => r.verdicts.length > 0);
  const notRun = runs.filter((r) => r.verdicts.length === 0);
  const all = done.flatMap((r) => r.verdicts);
  return [
    HEAD,
    `Runs from ${date(all, 0)} to ${date(all, -1)}; commits ${[...new Set(all.map((v) => v.commit))].join(', ')}.`,
    seeds === undefined
      ? 'Simulation: not part of these runs.'
      : `Simulation: ${seeds.seeds} seeds in ${Math.round(seeds.seconds)} s at ${seeds.commit}, ${seeds.held ? 'every invariant held' : 'AN INVARIANT BROKE'}.`,
    '## Counts\n',
    '| scenario | rounds | faults | batches held | acknowledged | lost, doubled, out of order | failed requests | gap p50 / p99 / max, ms |\n|---|---|---|---|---|---|---|---|\n' +
      done.map(row).join('\n'),
    'Gap: from the fault to the first acknowledgement of a post that was sent after it, for each affected channel of each round.',
    '## What each promises\n',
    runs.map((r) => `- \`${r.name}\`: ${r.promise}`).join('\n'),
    '## What did not hold\n',
    done.flatMap(brokenOf).join('\n') || 'Nothing.',
    '## Not run\n',
    notRun.map((r) => `- \`${r.name}\``).join('\n') || 'Every scenario was run.',
    '## Further figures\n',
    done.flatMap(figuresOf).join('\n') || 'None.',
    '## Commands\n',
    COMMANDS,
  ].join('\n\n');
}

const HEAD = `# Soak report

Written by \`node e2e/scenarios/report.ts\` from the verdicts of the runs, which are kept in [soak-runs.jsonl](soak-runs.jsonl); not edited by hand. Each batch is up to ten rounds of one fault on the local cluster (two shared cores, every process of it there) under live load, judged by the history checker, which compares what every client saw with the channel log. \`waited_for_cpu_percent\` among the further figures is how much of the last minute somebody on the machine waited for a core: where it is near 100 the machine had other work too, and times say little.`;

const COMMANDS = `\`\`\`
make soak                                            # all of it, 50 rounds each
node e2e/scenarios/main.ts list
node e2e/scenarios/main.ts run NAME --times N        # verdicts in .local/scenarios/NAME/
node e2e/scenarios/report.ts                         # this page
\`\`\`
`;

const sum = (verdicts: readonly BatchVerdict[], of: (v: BatchVerdict) => number): number =>
  verdicts.reduce((n, v) => n + of(v), 0);
const date = (verdicts: readonly BatchVerdict[], at: number): string =>
  verdicts
    .map((v) => v.began)
    .sort()
    .at(at)
    ?.replace(/\.\d+Z$/, 'Z') ?? 'never';

function row({ name, verdicts }: ScenarioRuns): string {
  const gaps = verdicts.flatMap((v) => v.rounds.flatMap((r) => r.gaps_ms));
  const quantiles =
    gaps.length === 0 ? '' : `${[0.5, 0.99, 1].map((q) => quantile(gaps, q)).join(' / ')} (${gaps.length})`;
  const cells = [
    `\`${name}\``,
    sum(verdicts, (v) => v.rounds.length),
    sum(verdicts, (v) => sumOf(v.rounds.map((r) => r.faults))),
    `${verdicts.filter((v) => v.holds).length} of ${verdicts.length}`,
    sum(verdicts, (v) => v.acknowledged),
    sum(verdicts, (v) => v.lost + v.duplicated + v.reordered + v.foreign + v.after_kick + v.log_broken),
    `${sum(verdicts, (v) => v.http_failures)} of ${sum(verdicts, (v) => v.http_requests)}`,
    quantiles,
  ];
  return `| ${cells.join(' | ')} |`;
}

const sumOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);

const brokenOf = ({ name, verdicts }: ScenarioRuns): string[] =>
  verdicts.flatMap((v) => v.broken.map((b) => `- \`${name}\`, ${v.began.slice(0, 19)}Z, ${v.commit}: ${b}`));

const SHOWN_ALREADY = new Set(['faults', 'gaps_ms', 'broken', 'slots_of_the_failed']);

/** Least and greatest of every figure that a scenario's rounds noted. */
function figuresOf({ name, verdicts }: ScenarioRuns): string[] {
  const values = new Map<string, number[]>();
  for (const round of verdicts.flatMap((v) => v.rounds))
    for (const [key, value] of Object.entries(round))
      if (typeof value === 'number' && !SHOWN_ALREADY.has(key)) values.set(key, [...(values.get(key) ?? []), value]);
  const text = [...values].map(([key, all]) => `${key} ${Math.min(...all)} to ${Math.max(...all)}`);
  return text.length === 0 ? [] : [`- \`${name}\`: ${text.join(', ')}`];
}
