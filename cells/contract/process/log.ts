import { type Logger, pino } from 'pino';

export type { Logger };

/** One JSON line an entry on stderr: stdout is for data. */
export function createLogger(fields: Record<string, unknown>, level: string): Logger {
  return pino(
    {
      level,
      base: fields,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** The whole chain of causes: a log line must tell why without a debugger. */
function serializeError(e: unknown): unknown {
  if (!(e instanceof Error)) return e;
  const { code, details } = e as { code?: unknown; details?: unknown };
  return { name: e.name, message: e.message, code, details, stack: e.stack, cause: e.cause && serializeError(e.cause) };
}
