/** `npm run bench -- xds`: a change until every node has acknowledged it, beside go-control-plane v0.14.0. */
import { join } from 'node:path';
import { type Bench, type Claim, type Contestant, type Figure, type FigureSpec, takeTurns } from '../frame.ts';
import { goProgram } from '../go.ts';
import { Program } from '../program.ts';
import { short } from '../report.ts';
import { median, quantile } from '../statistics.ts';

const OURS = 'control plane';
const PEERS = { snapshot: 'go-control-plane snapshot', linear: 'go-control-plane linear' } as const;

const FIGURES: readonly FigureSpec[] = [
  { key: 'endpointsP50', what: 'an endpoint’s health until the last ACK, p50', unit: 'ms' },
  { key: 'endpointsP99', what: 'an endpoint’s health until the last ACK, p99', unit: 'ms' },
  { key: 'weightsP50', what: 'weights until the last ACK, p50', unit: 'ms' },
  { key: 'weightsP99', what: 'weights until the last ACK, p99', unit: 'ms' },
  { key: 'cpu', what: 'CPU time of the server for a change', unit: 'ms' },
  { key: 'bytes', what: 'responses to one node for a change', unit: 'B' },
];

interface Size {
  cells: number;
  endpoints: number;
  nodes: number;
  /** Of each kind. V8 compiles for the first few hundred; a control plane runs for weeks. */
  warmUp: number;
  /** Of each kind: enough that the 99th percentile is not one outlier. */
  changes: number;
}

export const xds: Bench = {
  name: 'xds',
  rounds: 7,
  async run({ rounds, smoke, progress }) {
    const size: Size = smoke
      ? { cells: 2, endpoints: 5, nodes: 6, warmUp: 5, changes: 10 }
      : { cells: 10, endpoints: 50, nodes: 100, warmUp: 300, changes: 500 };
    const module = join(import.meta.dirname, 'peer');
    const [load, server] = [goProgram(module, 'load'), goProgram(module, 'server')];
    const world = ['--cells', size.cells, '--endpoints', size.endpoints, '--nodes', size.nodes].map(String);
    const peer = (cache: keyof typeof PEERS): Contestant =>
      contestant(PEERS[cache], size, load, () => new Program(server, ['--cache', cache, ...world]));
    const script = join(import.meta.dirname, 'server.ts');
    const ours = contestant(OURS, size, load, () => new Program(process.execPath, [script, ...world]));
    const figures = await takeTurns([ours, peer('snapshot'), peer('linear')], FIGURES, { rounds, progress });
    const { endpoints, ...rest } = size;
    return { setting: { endpoints: endpoints * size.cells * 2, ...rest }, figures, claims: claims(figures) };
  },
};

function contestant(name: string, size: Size, load: string, start: () => Program): Contestant {
  return {
    name,
    async round() {
      const server = start();
      try {
        const ports = JSON.parse(await server.line()) as { xds: number; control: number };
        return await measure(server, new Program(load, loadArgs(ports, size)), size);
      } finally {
        await server.stop();
      }
    },
  };
}

const loadArgs = ({ xds: port, control }: { xds: number; control: number }, size: Size): string[] => [
  ...['--xds', `127.0.0.1:${port}`, '--control', `127.0.0.1:${control}`],
  ...['--cells', size.cells, '--nodes', size.nodes, '--warm-up', size.warmUp, '--changes', size.changes].map(String),
];

async function measure(server: Program, load: Program, size: Size): Promise<Record<string, number>> {
  try {
    await load.line(); // warm
    const before = server.cpuMs();
    load.tell('');
    const result = JSON.parse(await load.line()) as { endpoints: number[]; weights: number[]; bytes: number };
    const changes = 2 * size.changes;
    return {
      endpointsP50: median(result.endpoints),
      endpointsP99: quantile(result.endpoints, 0.99),
      weightsP50: median(result.weights),
      weightsP99: quantile(result.weights, 0.99),
      cpu: (server.cpuMs() - before) / changes,
      bytes: result.bytes / changes / size.nodes,
    };
  } finally {
    await load.stop();
  }
}

/**
 * Against the snapshot cache, which like ours keeps the order of ADS. The linear caches, told of each changed resource
 * by itself and bound to no order, are there to show what that costs.
 */
function claims(figures: readonly Figure[]): Claim[] {
  const at = (key: string, name: string): number => median(figures.find((f) => f.key === key)!.values[name]!);
  return FIGURES.filter((f) => f.unit === 'ms' && f.key !== 'cpu').map(({ key, what }) => {
    const mine = at(key, OURS);
    const peer = at(key, PEERS.snapshot);
    return {
      what: `${what}: no worse than ${PEERS.snapshot}`,
      measured: `${short(mine)} ms against ${short(peer)} ms`,
      holds: mine <= peer,
    };
  });
}
