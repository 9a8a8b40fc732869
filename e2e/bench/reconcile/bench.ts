/** `npm run bench -- reconcile`: our operator beside one on controller-runtime that does the same writes. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { startTestApiServer, type TestApiServer } from '../../../cells/contract/kube/api-server.test-support.ts';
import { kubeFetch } from '../../../cells/contract/kube/http.ts';
import { type Bench, type Claim, type Contestant, type Figure, type FigureSpec, takeTurns } from '../frame.ts';
import { goProgram } from '../go.ts';
import { Program } from '../program.ts';
import { short } from '../report.ts';
import { median, quantile } from '../statistics.ts';
import { createObjects, type Size } from './objects.ts';
import { record } from './recording.ts';
import { Settling } from './settling.ts';

const ROOT = join(import.meta.dirname, '../../..');
const OURS = 'operator';
const PEER = 'controller-runtime 0.25.2';
/** Reconciliations of a kind at the same time, as the operator's controllers have it. */
const WORKERS = 4;

const FIGURES: readonly FigureSpec[] = [
  { key: 'throughput', what: 'new objects settled', unit: '1/s' },
  { key: 'writes', what: 'writes for an object', unit: '' },
  { key: 'cpu', what: 'CPU time of the operator for an object', unit: 'ms' },
  { key: 'editP50', what: 'edit until its status is seen, p50', unit: 'ms' },
  { key: 'editP99', what: 'edit until its status is seen, p99', unit: 'ms' },
  { key: 'editWrites', what: 'writes for an edit', unit: '' },
];

interface Sizes extends Size {
  edits: number;
  editsPerSecond: number;
}

const SMOKE: Sizes = { cells: 2, workspaces: 5, edits: 4, editsPerSecond: 10 };

export const reconcile: Bench = {
  name: 'reconcile',
  rounds: 3,
  async run({ rounds, smoke, progress }) {
    const size: Sizes = smoke ? SMOKE : { cells: 200, workspaces: 2_000, edits: 400, editsPerSecond: 10 };
    const dir = await mkdtemp(join(tmpdir(), 'bench-reconcile-'));
    try {
      const program = goProgram(join(import.meta.dirname, 'peer'), 'operator');
      progress('recording what the operator writes');
      const recording = await record((server, namespace) => {
        const operator = ours(join(dir, 'proxy.kubeconfig'), namespace, kubeconfigOf(server));
        return () => operator.then((o) => o.stop());
      });
      const peer = async ({ kubeconfigPath, namespace }: TestApiServer): Promise<Program> => {
        const file = join(dir, 'recording.json');
        await writeFile(file, recording.replaceAll('{{namespace}}', namespace));
        const args = ['--recording', file, '--namespace', namespace, '--workers', String(WORKERS)];
        return new Program(program, args, { ...process.env, KUBECONFIG: kubeconfigPath });
      };
      const contestants = [
        contestant(OURS, size, ({ kubeconfigPath, namespace }) => ours(kubeconfigPath, namespace)),
        contestant(PEER, size, peer),
      ];
      const figures = await takeTurns(contestants, FIGURES, { rounds, progress });
      return { setting: { ...size, workers: WORKERS }, figures, claims: claims(figures) };
    } finally {
      await rm(dir, { recursive: true });
    }
  },
};

/** Our operator as a process; with `content` the kubeconfig is written first. */
async function ours(kubeconfig: string, namespace: string, content?: string): Promise<Program> {
  if (content !== undefined) await writeFile(kubeconfig, content);
  return new Program(process.execPath, [join(ROOT, 'main.ts'), 'operator'], {
    PATH: process.env.PATH,
    KUBECONFIG: kubeconfig,
    NAMESPACE: namespace,
    POD_IP: '127.0.0.1',
    ADMIN_PORT: '0',
    LOG_LEVEL: 'error',
    IMAGE: 'chatcells:bench',
    ENVOY_IMAGE: 'envoy:bench',
    STORE_SECRET: 'store',
    SESSION_SECRET: 'session',
    XDS_ADDRESSES: 'zone-0=127.1.0.1:18000,zone-1=127.2.0.1:18000,zone-2=127.3.0.1:18000',
  });
}

const kubeconfigOf = (server: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'bench', user: {} }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  });

/** Its first round, which does not count, is a small one: nothing in a new process or API server is warmer for it. */
function contestant(name: string, full: Sizes, start: (api: TestApiServer) => Promise<Program>): Contestant {
  let size: Sizes = SMOKE;
  return {
    name,
    async round() {
      const api = await startTestApiServer();
      const settling = new Settling(api);
      try {
        await createObjects(api, size);
        await settling.start();
        return await measure(api, settling, size, start);
      } finally {
        size = full;
        await settling.close();
        await api.close();
      }
    },
  };
}

async function measure(
  api: TestApiServer,
  settling: Settling,
  size: Sizes,
  start: (api: TestApiServer) => Promise<Program>,
): Promise<Record<string, number>> {
  const objects = size.cells + size.workspaces;
  const before = await writes(api);
  const operator = await start(api);
  try {
    let cpuBefore = 0;
    const settled = settling.settled(() => {
      cpuBefore = operator.cpuMs();
    });
    const { fromMs, toMs } = await Promise.race([settled, operator.failure()]);
    const cpu = operator.cpuMs() - cpuBefore;
    await sleep(2_000); // Events that are still to be written
    const settledWrites = await writes(api);
    const edits = await trickle(settling, size);
    return {
      throughput: (1_000 * objects) / (toMs - fromMs),
      writes: (settledWrites - before) / objects,
      cpu: cpu / objects,
      editP50: median(edits),
      editP99: quantile(edits, 0.99),
      // The edit itself is one.
      editWrites: ((await writes(api)) - settledWrites) / size.edits - 1,
    };
  } finally {
    await operator.stop();
  }
}

/** Edits at an even pace, whether earlier ones have been answered or not: one in ten is a Cell's. */
async function trickle(settling: Settling, size: Sizes): Promise<number[]> {
  const edits: Promise<number>[] = [];
  for (let n = 0; n < size.edits; n++) {
    const ofCell = n % 10 === 0;
    edits.push(settling.edit(ofCell ? 'Cell' : 'Workspace', n % (ofCell ? size.cells : size.workspaces)));
    await sleep(1_000 / size.editsPerSecond);
  }
  return Promise.all(edits);
}

/** Requests that change something, as the API server counts them, Leases aside. */
async function writes(api: TestApiServer): Promise<number> {
  const metrics = await (await kubeFetch(api.kubeConfig, { method: 'GET', path: '/metrics' })).body.text();
  return metrics
    .split('\n')
    .filter((line) => /^apiserver_request_total\{.*verb="(POST|PUT|PATCH|APPLY|DELETE)"/.test(line))
    .filter((line) => !/resource="leases"/.test(line))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

function claims(figures: readonly Figure[]): Claim[] {
  const at = (key: string, name: string): number => median(figures.find((f) => f.key === key)!.values[name]!);
  const times = at('throughput', OURS) / at('throughput', PEER);
  const p99 = at('editP99', OURS);
  return [
    { what: `throughput ≥ 0.8 × ${PEER}`, measured: `${short(times)} ×`, holds: times >= 0.8 },
    { what: 'edit until its status is seen, p99 < 1 s', measured: `${short(p99)} ms`, holds: p99 < 1_000 },
  ];
}
