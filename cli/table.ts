/** Borderless tables as kubectl's: columns three spaces apart, nothing after the last one. */
export interface Column<T> {
  title: string;
  /** Undefined prints as `<none>`. */
  value: (row: T) => string | number | undefined;
  /** Shown with `-o wide` only. */
  wide?: boolean;
}

const GAP = '   ';

export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[], wide: boolean): string {
  const shown = columns.filter((column) => wide || column.wide !== true);
  const cells = rows.map((row) => shown.map((column) => text(column.value(row))));
  const widths = shown.map((column, i) => Math.max(column.title.length, ...cells.map((line) => line[i]!.length)));
  const format = (line: readonly string[]): string =>
    line
      .map((cell, i) => cell.padEnd(widths[i]!))
      .join(GAP)
      .trimEnd();
  return [shown.map((c) => c.title), ...cells].map((line) => `${format(line)}\n`).join('');
}

const text = (value: string | number | undefined): string =>
  value === undefined || value === '' ? '<none>' : String(value);

/** `key:  value` lines, the values aligned; undefined values are left out. */
export function formatFields(fields: Readonly<Record<string, string | number | undefined>>, indent = ''): string {
  const present = Object.entries(fields).filter(([, value]) => value !== undefined);
  const width = Math.max(0, ...present.map(([key]) => key.length)) + 1;
  return present.map(([key, value]) => `${indent}${`${key}:`.padEnd(width)}  ${value}\n`).join('');
}
