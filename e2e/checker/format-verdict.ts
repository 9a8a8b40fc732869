import { FINDING_KINDS, type Verdict } from '../../dataplane/client/history/index.ts';

/** The verdict for people: the figures, then each finding with the part of the history that shows it. */
export function formatVerdict(verdict: Verdict): string {
  const { clients, sent, acknowledged, delivered, raw_duplicates, resumes } = verdict;
  const figures = { clients, sent, acknowledged, delivered, raw_duplicates, resumes };
  const lines = [
    verdict.holds ? 'The history holds.' : 'The history does NOT hold.',
    Object.entries(figures)
      .map(([name, n]) => `${name} ${n}`)
      .join('  '),
    FINDING_KINDS.map((kind) => `${kind} ${verdict[kind]}`).join('  '),
  ];
  for (const finding of verdict.findings)
    lines.push('', `${finding.kind}: ${finding.message}`, ...finding.history.map((line) => `    ${line}`));
  return `${lines.join('\n')}\n`;
}
