/** A benchmark's result: as a table for people, and as the JSON that is kept. Pure. */
import type { Claim, Figure, Outcome } from './frame.ts';
import type { Machine } from './machine.ts';
import { median } from './statistics.ts';

export interface Result extends Outcome {
  bench: string;
  command: string;
  /** ISO 8601. */
  at: string;
  machine: Machine;
  rounds: number;
  /** Without judgement: a smoke run. */
  smoke: boolean;
}

/** Whether every claim holds; a smoke run claims nothing. */
export const holds = (result: Result): boolean => result.smoke || result.claims.every((c) => c.holds);

export function formatResult(result: Result): string {
  const { bench, machine, rounds, setting, figures, claims, smoke } = result;
  const sizes = Object.entries(setting).map(([name, value]) => `${name} ${value}`);
  const head = [
    `${bench}: ${[...sizes, `${rounds} rounds`].join(', ')}`,
    `${machine.cpus} × ${machine.model}, Node ${machine.node}, load ${machine.load.toFixed(1)} at the start`,
  ];
  const verdicts = claims.map((c) => `${verdict(c, smoke)} ${c.what}: ${c.measured}`);
  return `${[...head, '', ...figureTable(figures), '', ...verdicts].join('\n')}\n`;
}

const verdict = ({ holds: held }: Claim, smoke: boolean): string => (smoke ? '·' : held ? '√' : '×');

/** Median and, in brackets, the lowest and highest round, under a head line. */
export function figureRows(figures: readonly Figure[]): string[][] {
  const names = [...new Set(figures.flatMap((f) => Object.keys(f.values)))];
  return [
    ['figure', 'unit', ...names],
    ...figures.map((f) => [f.what, f.unit, ...names.map((n) => spread(f.values[n] ?? []))]),
  ];
}

function figureTable(figures: readonly Figure[]): string[] {
  const lines = figureRows(figures).map((line, i) => (i === 0 ? line.map((cell) => cell.toUpperCase()) : line));
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join('   ')
      .trimEnd(),
  );
}

const spread = (values: readonly number[]): string =>
  values.length === 0 ? '–' : `${short(median(values))} (${short(Math.min(...values))}–${short(Math.max(...values))})`;

export const short = (n: number): string => {
  const digits = Math.abs(n) >= 100 ? 0 : Math.abs(n) >= 10 ? 1 : Math.abs(n) >= 1 ? 2 : 3;
  return n.toFixed(digits);
};
