/** What every command gets: its cluster, its namespace, its terminal and its output format. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { stringify } from 'yaml';
import { KubeClient } from '../cells/contract/kube/client.ts';
import { type Lease, leaseRef, OPERATOR_LEASE } from '../cells/contract/kube/lease.ts';
import { openKubeConfig } from './kube-config.ts';
import type { LeaderWatch } from './leader-watch.ts';
import { LiveFigures } from './live.ts';
import type { Terminal } from './terminal.ts';

/** Of the chart's install command. */
const DEFAULT_NAMESPACE = 'chatcells';

export type Format = 'table' | 'wide' | 'json' | 'yaml';

export interface GlobalOptions {
  namespace?: string;
  kubeconfig?: string;
  output?: Format;
}

/** Process-wide facts, passed in so that tests can have their own. */
export interface Environment {
  env: Readonly<Record<string, string | undefined>>;
  terminal: Terminal;
  /** The checkout or package that this chatctl is part of. */
  root: string;
  cwd: string;
  nowMs: () => number;
  /** Resolves after `ms`, or at once when the user interrupts. */
  pause(ms: number): Promise<void>;
  /** Whether the user pressed Ctrl-C. */
  interrupted(): boolean;
}

export class Context {
  readonly environment: Environment;
  readonly terminal: Terminal;
  readonly namespace: string;
  readonly format: Format;
  readonly #kubeconfig: string | undefined;
  #kube: KubeClient | undefined;

  constructor(environment: Environment, options: GlobalOptions) {
    this.environment = environment;
    this.terminal = environment.terminal;
    this.namespace = options.namespace ?? DEFAULT_NAMESPACE;
    this.format = options.output ?? 'table';
    this.#kubeconfig = options.kubeconfig;
  }

  get wide(): boolean {
    return this.format === 'wide';
  }

  get kube(): KubeClient {
    const { env, cwd, root } = this.environment;
    this.#kube ??= new KubeClient(openKubeConfig(this.#kubeconfig, env, [cwd, root]), { timeoutMs: 10_000 });
    return this.#kube;
  }

  live(): LiveFigures {
    return new LiveFigures(this.kube, this.namespace);
  }

  /** One more look at the operators' Lease. */
  async lookForLeader(watch: LeaderWatch): Promise<void> {
    try {
      const lease = await this.kube.get<Lease>(leaseRef(this.namespace, OPERATOR_LEASE));
      watch.observe(lease, this.environment.nowMs());
    } catch {
      // Who may not read it is not told, and whether the API server answers the other requests tell.
    }
  }

  /** Prints `value` as JSON or YAML, or `table()` for people. */
  print(value: unknown, table: () => string): void {
    if (this.format === 'json') this.terminal.data(`${JSON.stringify(value, null, 2)}\n`);
    else if (this.format === 'yaml') this.terminal.data(stringify(value));
    else this.terminal.data(table());
  }

  /** What to do next, for the same installation. */
  next(command: string): void {
    const options = [
      ...(this.namespace === DEFAULT_NAMESPACE ? [] : [`-n ${this.namespace}`]),
      ...(this.#kubeconfig === undefined ? [] : [`--kubeconfig ${this.#kubeconfig}`]),
    ];
    this.terminal.note(`Next: ${[command, ...(command.startsWith('chatctl ') ? options : [])].join(' ')}`);
  }
}

/** The options that every command takes, before or after its name. */
export function addGlobalOptions(command: Command): Command {
  return command
    .option('-n, --namespace <name>', 'namespace of the custom resources (default: chatcells)')
    .option('--kubeconfig <file>', 'default: KUBECONFIG, else .local/cluster/kubeconfig, else ~/.kube/config')
    .addOption(
      new Option('-o, --output <format>', 'output format (default: table)').choices(['table', 'wide', 'json', 'yaml']),
    );
}
