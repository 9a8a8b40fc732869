/**
 * The one entry point of the image: `chatcells <role> [flags]`. Each role is loaded only when it is asked for. The
 * module of a role exports `settings` and `run(config, log)` (see cells/contract/process/role.ts); a job exports
 * `settings` and `runOnce(config, log)`.
 */
import { hasCode } from './cells/contract/errors.ts';
import { type Config, describeSettings, parseConfig, type Settings, text } from './cells/contract/process/config.ts';
import { runUntilSignal } from './cells/contract/process/lifecycle.ts';
import { createLogger, type Logger } from './cells/contract/process/log.ts';
import { type Job, type Role, type RunningRole, roleSettings } from './cells/contract/process/role.ts';

interface Entry {
  about: string;
  /** The command that people reach it by; the image's entry point when undefined. */
  command?: string;
  load(): Promise<Role | Job>;
}

/** A module's `run` takes its own config; the table forgets which, and parseConfig of its settings makes it right. */
const role = (module: unknown): Role | Job => module as Role | Job;

const migrateJob = ({ openStore }: typeof import('./dataplane/storage/open.ts')): Job => ({
  settings: { storeUrl: text('STORE_URL', 'mysql://user:password@host:port/database or sqlite:/path.') },
  async runOnce(config, log) {
    const store = await openStore(String(config.storeUrl));
    try {
      log.info(await store.migrate(), 'the schema is up to date');
    } finally {
      await store.close();
    }
  },
});

const ROLES: Record<string, Entry> = {
  gateway: {
    about: 'WebSockets of the clients of a cell',
    load: async () => role(await import('./dataplane/gateway/main.ts')),
  },
  channel: {
    about: 'owns slots: sequence, persist, fan out',
    load: async () => role(await import('./dataplane/channel/main.ts')),
  },
  api: { about: 'the Web API', load: async () => role(await import('./dataplane/api/main.ts')) },
  controlplane: {
    about: 'xDS for Envoy and the dataplane; ring manager',
    load: async () => role(await import('./cells/controlplane/main.ts')),
  },
  operator: {
    about: 'reconciles Cell, ChannelRing and Workspace',
    load: async () => role(await import('./operator/main.ts')),
  },
  migrate: {
    about: "brings the store's schema to this version, then ends",
    load: async () => migrateJob(await import('./dataplane/storage/open.ts')),
  },
  'dev-token': {
    about: 'prints a token for a user of `dev`',
    command: 'chatctl dev-token',
    load: async () => (await import('./dataplane/dev/token.ts')).tokenJob as Job,
  },
  dev: {
    about: 'gateway, channel and api in one process over SQLite',
    command: 'chatctl dev',
    load: async () => role(await import('./dataplane/dev/main.ts')),
  },
};

const VERSION = '0.1.0';

const print = (line: string): number => {
  process.stdout.write(`${line}\n`);
  return 0;
};
const err = (line: string): void => void process.stderr.write(`${line}\n`);

function usage(): string {
  const width = Math.max(...Object.keys(ROLES).map((name) => name.length));
  const lines = Object.entries(ROLES).map(([name, entry]) => `  ${name.padEnd(width)}  ${entry.about}`);
  return `Usage: chatcells <role> [flags]\n\nRoles:\n${lines.join('\n')}\n\nchatcells <role> --help lists the settings of a role; chatcells --version prints the version.`;
}

async function main(argv: readonly string[]): Promise<number> {
  const [name, ...args] = argv;
  if (name === '--version' || name === '-v') return print(VERSION);
  if (name === '--help' || name === '-h' || name === 'help') return print(usage());
  const entry = name !== undefined && Object.hasOwn(ROLES, name) ? ROLES[name] : undefined;
  if (name === undefined || entry === undefined) {
    err(name === undefined ? usage() : `There is no role ${name}. Roles: ${Object.keys(ROLES).join(', ')}.`);
    return 2;
  }
  const module = await entry.load();
  const settings: Settings = { ...roleSettings, ...module.settings };
  if (args.includes('--help') || args.includes('-h')) {
    const head = `Usage: ${entry.command ?? `chatcells ${name}`} [flags]\n\n${entry.about}\n\nSettings, as a flag or (environment variable):`;
    return print(`${head}\n${describeSettings(settings)}`);
  }
  let config: Config<Settings>;
  try {
    config = parseConfig(settings, { env: process.env, args });
  } catch (e: unknown) {
    return endIfMisconfigured(e);
  }
  return start(name, module, config);
}

/** A setting that turns out to be wrong is a matter of who set it: a sentence and no stack. */
function endIfMisconfigured(e: unknown): never {
  if (!hasCode(e, 'config_invalid')) throw e;
  err(`${e.message}\n${e.hint}`);
  process.exit(2);
}

async function start(name: string, module: Role | Job, config: Config<Settings>): Promise<number> {
  const common = config as Config<typeof roleSettings>;
  const pod = process.env.POD_NAME;
  const log = createLogger({ role: name, ...(pod === undefined ? {} : { pod }) }, common.logLevel);
  process.on('uncaughtException', (error, origin) => {
    log.fatal({ err: error, origin }, 'a bug: the process ends');
    process.exit(1);
  });
  if ('run' in module) return runUntilSignal(endableStart(module, config, log), log, common.graceMs);
  try {
    await module.runOnce(config, log).catch(endIfMisconfigured);
    return 0;
  } catch (error: unknown) {
    log.fatal({ err: error }, 'failed');
    return 1;
  }
}

/**
 * `run`, during which a signal ends the process at once: nothing is served yet, and what the start waits for (the
 * control plane, the store) may never come. Later, the first signal closes the role by plan and a second ends at once.
 */
function endableStart(module: Role, config: Config<Settings>, log: Logger): (l: Logger) => Promise<RunningRole> {
  let endsAtOnce = true;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (endsAtOnce) {
        log.warn({ signal }, 'ends at once');
        process.exit(1);
      }
      endsAtOnce = true;
    });
  }
  return async (l) => {
    const running = await module.run(config, l).catch(endIfMisconfigured);
    endsAtOnce = false;
    return running;
  };
}

process.exit(await main(process.argv.slice(2)));
