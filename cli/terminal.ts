/** Where chatctl writes: data to stdout, everything else to stderr. */
import { createColors } from 'picocolors';

type Colors = ReturnType<typeof createColors>;

export interface Terminal {
  /** Data, as it is. */
  data(text: string): void;
  /** One line of progress or advice. */
  note(line: string): void;
  /** Replaces the line of the last `live` on a terminal; elsewhere a line of its own. */
  live(line: string): void;
  /** Whether stderr is a terminal: only then a line is redrawn. */
  readonly isLive: boolean;
  /** Colours for data on stdout; none off a terminal or with NO_COLOR. */
  readonly colors: Colors;
}

export function processTerminal(env: Readonly<Record<string, string | undefined>>): Terminal {
  const colored = (stream: NodeJS.WriteStream): boolean =>
    stream.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  const isLive = process.stderr.isTTY === true && env.TERM !== 'dumb';
  let drawn = false;
  const endLive = (): void => {
    if (drawn) process.stderr.write('\n');
    drawn = false;
  };
  return {
    data: (text) => {
      endLive();
      process.stdout.write(text);
    },
    note: (line) => {
      endLive();
      process.stderr.write(`${line}\n`);
    },
    live: (line) => {
      if (!isLive) return void process.stderr.write(`${line}\n`);
      process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 120) - 1)}`);
      drawn = true;
    },
    isLive,
    colors: createColors(colored(process.stdout)),
  };
}
