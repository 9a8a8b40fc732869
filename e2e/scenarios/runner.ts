/** Runs scenarios on one cluster: load on, rounds of the fault, load off, the history checker's word, a verdict as JSON. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dumpLog } from '../checker/dump-log.ts';
import { checkFiles } from '../checker/main.ts';
import { removeFaults } from '../cluster/faults.ts';
import { layoutFrom } from '../cluster/layout.ts';
import { Load } from '../load/load-process.ts';
import { createTenant, type Tenant } from '../load/tenants.ts';
import { ROOT, until } from '../system/command.ts';
import { type ClusterStatus, install, kubectl, NAMESPACE } from '../system/install.ts';
import { DEFAULT_LOAD } from './load-scale.ts';
import { Round, type RoundFigures } from './round.ts';
import type { Scenario } from './scenario.ts';
import { System } from './system.ts';
import { type BatchVerdict, judge } from './verdict.ts';

export const VERDICTS = join(ROOT, '.local/scenarios');
/** Rounds under one load, judged together: a finding is then in one of these. */
const ROUNDS_PER_BATCH = 10;
/** Slots come back to a restarted server within seconds, so that many rounds fit into an hour. */
const RING_POLICY = { spec: { maxMovesPerMinute: 16_384 } };
const CONNECT_MS = 90_000;
const PRESSURE = '/proc/pressure/cpu';

export type Say = (line: string) => void;

export class Runner {
  readonly #say: Say;
  /** Of what is run: the checkout may move on meanwhile. */
  readonly #commit = commit();
  #status: ClusterStatus | undefined;
  readonly #tenants = new Map<number, Tenant[]>();

  constructor(say: Say) {
    this.#say = say;
  }

  /** The verdicts of `times` rounds, in batches. A batch that did not run to its end is the last. */
  async run(scenario: Scenario, times: number): Promise<BatchVerdict[]> {
    const status = await this.#ready();
    const verdicts: BatchVerdict[] = [];
    for (let left = times; left > 0; left -= ROUNDS_PER_BATCH) {
      const verdict = await this.#batch(scenario, Math.min(left, ROUNDS_PER_BATCH), status);
      verdicts.push(verdict);
      await keep(verdict);
      if (verdict.rounds.length < Math.min(left, ROUNDS_PER_BATCH)) break;
    }
    return verdicts;
  }

  async #ready(): Promise<ClusterStatus> {
    if (this.#status !== undefined) return this.#status;
    this.#status = await install(this.#say);
    process.env.KUBECONFIG = this.#status.kubeconfig;
    const patch = ['patch', 'channelring', 'main', '-n', NAMESPACE, '--type=merge', '-p', JSON.stringify(RING_POLICY)];
    await kubectl(patch, this.#status);
    return this.#status;
  }

  async #tenantsFor(clients: number, status: ClusterStatus): Promise<Tenant[]> {
    let tenants = this.#tenants.get(clients);
    if (tenants === undefined) {
      this.#say(`Making two tenants, their channels and ${clients} users through the edges`);
      tenants = [];
      for (const workspace of ['acme', 'globex']) tenants.push(await createTenant(status, workspace, clients / 2));
      this.#tenants.set(clients, tenants);
    }
    return tenants;
  }

  async #batch(scenario: Scenario, times: number, status: ClusterStatus): Promise<BatchVerdict> {
    const { clients, postEveryMs } = { ...DEFAULT_LOAD, ...scenario.load };
    const began = new Date().toISOString();
    const tenants = await this.#tenantsFor(clients, status);
    const dir = join(VERDICTS, scenario.name, 'last');
    await rm(dir, { recursive: true, force: true });
    await mkdir(join(dir, 'history'), { recursive: true });
    const load = new Load();
    const layout = layoutFrom(process.env);
    const system = new System({ status, load, tenants, layout });
    const rounds: RoundFigures[] = [];
    let error: string | undefined;
    try {
      const plans = tenants.flatMap((t) => t.clients);
      load.start({ edges: status.edges, historyDir: join(dir, 'history'), clients: plans, postEveryMs });
      await until(
        `${clients} clients connected`,
        CONNECT_MS,
        async () => load.figures.connected === clients || undefined,
      );
      await system.look();
      await system.whole();
      for (let n = 1; n <= times; n++) {
        const round = new Round((line) => this.#say(`${scenario.name} ${n}/${times}: ${line}`));
        try {
          await scenario.run(system, round);
        } finally {
          noteWaitForCpu(round);
          rounds.push(round.end());
        }
      }
    } catch (e: unknown) {
      error = textOf(e);
      this.#say(`${scenario.name}: ${error}`);
      removeFaults(layout);
    }
    try {
      const final = await load.stop();
      await dumpLog(status.store, join(dir, 'log.jsonl'));
      const checked = await checkFiles(join(dir, 'history'), join(dir, 'log.jsonl'), 10);
      for (const f of checked.findings) this.#say(`${f.kind}: ${f.message}\n    ${f.history.join('\n    ')}`);
      return judge({
        scenario: scenario.name,
        began,
        commit: this.#commit,
        requestsMayFail: scenario.requestsMayFail === true,
        rounds,
        load: {
          sent: checked.sent,
          acknowledged: checked.acknowledged,
          delivered: checked.delivered,
          resumes: final.resumes,
          http_requests: final.httpRequests,
          http_failures: final.httpFailures,
        },
        failures: final.failures,
        checked,
        ...(error === undefined ? {} : { error }),
      });
    } finally {
      load.kill();
    }
  }
}

/** How much of the last minute somebody on this machine waited for a core: times are worth little where that is much. */
function noteWaitForCpu(round: Round): void {
  if (!existsSync(PRESSURE)) return;
  const [, percent] = /some .*avg60=([\d.]+)/.exec(readFileSync(PRESSURE, 'utf8')) ?? [];
  if (percent !== undefined) round.note('waited_for_cpu_percent', Number(percent));
}

async function keep(verdict: BatchVerdict): Promise<void> {
  const dir = join(VERDICTS, verdict.scenario);
  const n = (await readdir(dir)).filter((f) => f.endsWith('.json')).length + 1;
  await writeFile(join(dir, `${String(n).padStart(3, '0')}.json`), `${JSON.stringify(verdict, null, 2)}\n`);
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '+');
}

export function textOf(e: unknown): string {
  if (!(e instanceof Error)) return String(e);
  return e.cause === undefined ? e.message : `${e.message}: ${textOf(e.cause)}`;
}
