/**
 * The main job on real parts: three cells, live traffic, one zone drained, one server killed, one user kicked, one zone
 * that drains itself when its links lose packets, and the history checker's verdict. `node e2e/demo/main.ts [--short]`; exit code 0 only if the verdict holds. It stands in
 * `.local/demo/verdict.json` (`--short`: `.local/e2e/verdict.json`, on a cluster of its own that is ended afterwards).
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dumpLog } from '../checker/dump-log.ts';
import { checkFiles } from '../checker/main.ts';
import { Load } from '../load/load-process.ts';
import { createTenant, kickUser, type Tenant } from '../load/tenants.ts';
import { chatctl, cluster, ROOT, run, until } from '../system/command.ts';
import { cellFigures, growth, metricByPod, pods, ringFigures } from '../system/figures.ts';
import { type ClusterStatus, install } from '../system/install.ts';
import { GRAY_VALUES, grayFailure } from './gray.ts';
import { type DemoVerdict, type Figures, judge } from './verdict.ts';

interface Scale {
  clients: number;
  postEveryMs: number;
  /** Percent and time of a drain's step. */
  drainArgs: string[];
  acknowledged: number;
  resumes: number;
  /** Also has a zone's links lose packets, until its Cell has drained itself. */
  gray: boolean;
  /** Also runs Slack's SDKs through an edge, while the load goes on. */
  sdks: boolean;
  dir: string;
}

const FULL: Scale = {
  clients: 300,
  postEveryMs: 4000,
  drainArgs: ['--fast'],
  acknowledged: 5000,
  resumes: 50,
  gray: true,
  sdks: false,
  dir: 'demo',
};
const SHORT: Scale = {
  clients: 60,
  postEveryMs: 1500,
  drainArgs: ['--fast', '--step', '10'],
  acknowledged: 500,
  resumes: 10,
  gray: false,
  sdks: true,
  dir: 'e2e',
};

const DRAINED = 'cell-b';
const KILL_IN = 'cell-c';

const started = performance.now();
const say = (line: string): void =>
  console.error(`[${((performance.now() - started) / 1000).toFixed(1).padStart(6)}s] ${line}`);

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes('--help')) {
    console.log('usage: node e2e/demo/main.ts [--short]\n\nRuns the demo; exit code 0 only if the verdict holds.');
    return 0;
  }
  const unknown = argv.filter((a) => a !== '--short');
  if (unknown.length > 0) {
    console.error(`unknown option ${unknown.join(' ')}; see --help`);
    return 2;
  }
  const short = argv.includes('--short');
  if (short) process.env.CHATCELLS_CLUSTER ??= 'e2e';
  const scale = short ? SHORT : FULL;
  const dir = join(ROOT, '.local', scale.dir);
  await rm(dir, { recursive: true, force: true });
  await mkdir(join(dir, 'history'), { recursive: true });
  try {
    const verdict = await demonstrate(scale, dir);
    report(verdict, dir);
    if (!short) console.error(NEXT);
    return verdict.holds ? 0 : 1;
  } finally {
    if (short) await cluster(['down'], { anyCode: true });
  }
}

async function demonstrate(scale: Scale, dir: string): Promise<DemoVerdict> {
  const status = await install(say, scale.gray ? GRAY_VALUES : {});
  process.env.KUBECONFIG = status.kubeconfig;
  say(`Ready. Making two tenants, their channels and ${scale.clients} users through the edges`);
  const tenants: Tenant[] = [];
  for (const workspace of ['acme', 'globex']) tenants.push(await createTenant(status, workspace, scale.clients / 2));
  const load = new Load();
  try {
    const figures = await exercise({ scale, dir, status, tenants, load });
    await writeFile(join(dir, 'verdict.json'), `${JSON.stringify(figures, null, 2)}\n`);
    return figures;
  } finally {
    load.kill();
  }
}

interface Run {
  scale: Scale;
  dir: string;
  status: ClusterStatus;
  tenants: Tenant[];
  load: Load;
}

async function exercise({ scale, dir, status, tenants, load }: Run): Promise<DemoVerdict> {
  const clients = tenants.flatMap((t) => t.clients);
  load.start({ edges: status.edges, historyDir: join(dir, 'history'), clients, postEveryMs: scale.postEveryMs });
  await until(
    `${clients.length} clients connected`,
    60_000,
    async () => load.figures.connected === clients.length || undefined,
  );
  say(`${clients.length} clients connected through ${status.edges.length} edges; they post and read from now on`);
  const counters = async (metric: string) => metricByPod(await pods(status, 'channel'), metric);
  const before = {
    handoffs: await counters('ring_handoffs_total'),
    takeovers: await counters('ring_takeovers_total'),
  };
  await load.acknowledged(scale.acknowledged / 20);

  say(`chatctl drain ${DRAINED} ${scale.drainArgs.join(' ')} --wait`);
  const drainStart = performance.now();
  await chatctl(['drain', DRAINED, ...scale.drainArgs, '--wait', '--reason', 'demo'], { live: true });
  const drainSeconds = (performance.now() - drainStart) / 1000;
  const left = (await cellFigures(await pods(status, 'controlplane'))).find((c) => c.cell === DRAINED);
  say(`Drained in ${drainSeconds.toFixed(1)} s: ${left?.sockets} sockets, ${left?.slots} slots left`);

  const killed = await killOwner(status, load, say);
  say(`Kicking ${tenants[0]!.kick.user} from the private channel ${tenants[0]!.kick.channel}`);
  await kickUser(status, tenants[0]!.kick);
  await load.acknowledged(scale.acknowledged / 10);

  say(`chatctl undrain ${DRAINED} ${scale.drainArgs.join(' ')} --wait`);
  await chatctl(['undrain', DRAINED, ...scale.drainArgs, '--wait'], { live: true });
  if (scale.sdks) await slackSdks(status);
  const gray = scale.gray ? await grayFailure(status, load, say) : undefined;
  await load.reach(scale.acknowledged);

  say('Stopping the load; waiting until every client has seen everything');
  const final = await load.stop();
  const takeovers = growth(before.takeovers, await counters('ring_takeovers_total'));
  const handoffs = growth(before.handoffs, await counters('ring_handoffs_total'));

  say("Comparing every client's view with the channel log");
  await dumpLog(status.store, join(dir, 'log.jsonl'));
  const checked = await checkFiles(join(dir, 'history'), join(dir, 'log.jsonl'), 10);
  for (const finding of checked.findings)
    say(`${finding.kind}: ${finding.message}\n    ${finding.history.join('\n    ')}`);
  for (const failure of final.failures) say(`failed request: ${failure}`);
  const figures: Figures = {
    sent: checked.sent,
    acknowledged: checked.acknowledged,
    delivered: checked.delivered,
    raw_duplicates: checked.raw_duplicates,
    lost: checked.lost + checked.log_broken,
    duplicated: checked.duplicated,
    reordered: checked.reordered,
    foreign: checked.foreign,
    after_kick: checked.after_kick,
    http_failures: final.httpFailures - (gray?.http_failures_gray ?? 0),
    resumes: final.resumes,
    slots_handed_off: handoffs,
    killed_server_slots: killed.slots,
    false_failovers: Math.max(0, takeovers - killed.slots),
    drain_seconds: Math.round(drainSeconds * 10) / 10,
    failover_gap_ms: Math.round(final.longestPostMs),
    sockets_left: left?.sockets ?? Number.NaN,
    slots_left: left?.slots ?? Number.NaN,
    ...gray,
  };
  return judge(figures, scale);
}

/** `@slack/web-api` and `@slack/rtm-api`, unmodified, against the first edge; rejects when one of their steps fails. */
async function slackSdks(status: ClusterStatus): Promise<void> {
  const url = status.edges[0]!.url;
  say(`@slack/web-api and @slack/rtm-api, unmodified, through ${url}`);
  const token = async (user: string): Promise<string> =>
    (await chatctl(['token', '--workspace', 'acme', '--user', user])).stdout.trim();
  const env = {
    CHATCELLS_URL: url,
    CHATCELLS_TOKEN_A: await token('sdk-ada'),
    CHATCELLS_TOKEN_B: await token('sdk-bob'),
  };
  const { stdout } = await run(process.execPath, ['--test', 'e2e/sdk/sdk.test.ts'], { env, timeoutMs: 120_000 });
  process.stderr.write(stdout);
}

/** SIGKILL to the channel server of KILL_IN that owns most; resolves when its slots are served again. */
async function killOwner(status: ClusterStatus, load: Load, tell: (line: string) => void): Promise<{ slots: number }> {
  const replicas = await pods(status, 'controlplane');
  const members = (await ringFigures(replicas)).members.filter((m) => m.cell === KILL_IN);
  const victim = members.sort((a, b) => b.slots - a.slots)[0];
  if (!victim) throw new Error(`no channel server of ${KILL_IN} is in the ring`);
  tell(`SIGKILL to ${victim.pod}, owner of ${victim.slots} slots`);
  load.watch({ atMs: Date.now(), forMs: 10_000, topics: [] });
  await cluster(['fault', 'kill', victim.pod]);
  await until('the standbys own the slots of the killed server', 30_000, async () => {
    const owned = (await ringFigures(replicas)).members.find((m) => m.pod === victim.pod && m.slots >= victim.slots);
    return owned ? undefined : true;
  });
  return { slots: victim.slots };
}

function report(verdict: DemoVerdict, dir: string): void {
  const { holds, broken, ...figures } = verdict;
  console.log(`\n${holds ? 'The verdict holds.' : 'THE VERDICT DOES NOT HOLD.'}  (${join(dir, 'verdict.json')})\n`);
  for (const [key, value] of Object.entries(figures)) console.log(`  ${key.padEnd(20)} ${value}`);
  for (const line of broken) console.log(`  ✗ ${line}`);
}

const NEXT = `
The cluster stays up. What to try next:
  export PATH=$PWD/.tools/bin:$PATH        # npm and npx, where the machine has none
  npx chatctl status
  npx chatctl drain cell-a --wait          # 1 % every 2 s; Ctrl-C stops only the watching
  npx chatctl cluster fault stop POD       # a hung server: the standby takes over
  npx chatctl token --workspace acme --user ada
  make down                                # ends it
`;

try {
  process.exit(await main(process.argv.slice(2)));
} catch (e: unknown) {
  console.error(
    e instanceof Error
      ? `${e.message}${e.cause ? `\n  because: ${e.cause instanceof Error ? e.cause.message : String(e.cause)}` : ''}`
      : e,
  );
  process.exit(1);
}
