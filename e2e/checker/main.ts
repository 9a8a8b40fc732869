/**
 * `node e2e/checker/main.ts --history DIR --log FILE [-o text|json]`: compares what every client wrote down (DIR/*.jsonl,
 * HistoryRecord a line) with the channel log afterwards (LogRow a line). Exit code 0 only when the history holds, 1 when
 * it does not or cannot be read, 2 usage. `… dump --store URL --log FILE` writes that log from the store first.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  HistoryChecker,
  type HistoryRecord,
  LogIndex,
  type LogRow,
  readJsonl,
  type Verdict,
} from '../../dataplane/client/history/index.ts';
import { dumpLog } from './dump-log.ts';
import { formatVerdict } from './format-verdict.ts';

const USAGE = `usage: node e2e/checker/main.ts --history DIR --log FILE [-o text|json] [--max-findings N]
       node e2e/checker/main.ts dump --store mysql://…|sqlite:PATH --log FILE
`;

/** Compares all histories of `historyDir` with `logFile`. A record with its own `client` belongs to that one, else to the last `open` of its file. */
export async function checkFiles(historyDir: string, logFile: string, maxFindings?: number): Promise<Verdict> {
  const log = new LogIndex();
  for await (const row of readJsonl<LogRow>(logFile)) log.add(row);
  const checker = new HistoryChecker(log, maxFindings);
  const files = (await readdir(historyDir)).filter((name) => name.endsWith('.jsonl')).sort();
  for (const name of files) {
    let client = name;
    for await (const record of readJsonl<HistoryRecord & { client?: string }>(join(historyDir, name))) {
      if (record.kind === 'open') client = record.client;
      checker.record(record.client ?? client, record);
    }
  }
  return checker.verdict();
}

async function main(argv: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(argv);
  } catch (e: unknown) {
    process.stderr.write(`${e instanceof Error ? e.message : String(e)}\n${USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  try {
    if (positionals[0] === 'dump' && values.store !== undefined && values.log !== undefined) {
      process.stderr.write(`${await dumpLog(values.store, values.log)} rows\n`);
      return 0;
    }
    if (positionals.length > 0 || values.history === undefined || values.log === undefined) {
      process.stderr.write(USAGE);
      return 2;
    }
    const verdict = await checkFiles(values.history, values.log, Number(values['max-findings']));
    process.stdout.write(values.output === 'json' ? `${JSON.stringify(verdict, null, 2)}\n` : formatVerdict(verdict));
    return verdict.holds ? 0 : 1;
  } catch (e: unknown) {
    process.stderr.write(`cannot check: ${e instanceof Error ? e.message : String(e)}\n`);
    return 1;
  }
}

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      history: { type: 'string' },
      log: { type: 'string' },
      store: { type: 'string' },
      output: { type: 'string', short: 'o', default: 'text' },
      'max-findings': { type: 'string', default: '20' },
    },
  });

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
