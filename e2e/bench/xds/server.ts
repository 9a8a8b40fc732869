/**
 * Our contestant of the xDS benchmark, as a process: the control plane's own publisher and ADS server over a made-up
 * world of Cells and Pods, as ./peer/server is for go-control-plane. What is observed is published at once: the time
 * for which the control plane gathers changes is left out, since the peer gathers none.
 *
 *   node server.ts --cells N --endpoints N --nodes N      prints {"xds": port, "control": port}
 */
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Clock } from '../../../cells/contract/clock.ts';
import type { Pod } from '../../../cells/contract/kube/index.ts';
import { systemClock } from '../../../cells/contract/system-clock.ts';
import type { Observed } from '../../../cells/controlplane/kube-watch.ts';
import { Publisher } from '../../../cells/controlplane/publisher.ts';
import { AdsServer } from '../../../cells/xds/server.ts';
import { ENVOY } from '../../../cells/xds/types.ts';
import { API_GROUP, API_VERSION, type Cell, LABELS } from '../../../crds/index.ts';

const ROLES = ['api', 'gateway'];
const log = pino({ level: 'warn' });
const { values } = parseArgs({
  options: { cells: { type: 'string' }, endpoints: { type: 'string' }, nodes: { type: 'string' } },
});
const size = { cells: Number(values.cells), endpoints: Number(values.endpoints), nodes: Number(values.nodes) };

const cells = new Map<string, Cell>();
const pods = new Map<string, Pod>();
for (let c = 0; c < size.cells; c++) {
  setWeight(c, 100);
  for (const role of ROLES) for (let i = 0; i < size.endpoints; i++) setPod(c, role, i, false);
}

// As ./peer/load has them.
for (let n = 0; n < size.nodes; n++)
  putPod(n % size.cells, 'edge', `edge-${n}`, { ip: `127.1.${1 + Math.trunc(n / 250)}.${1 + (n % 250)}` });

function setWeight(cell: number, weight: number): void {
  cells.set(`cell-${cell}`, {
    apiVersion: `${API_GROUP}/${API_VERSION}`,
    kind: 'Cell',
    metadata: { name: `cell-${cell}` },
    spec: { region: 'region-1', zone: 'zone-a' },
    status: { weight },
  } as Cell);
}

function setPod(cell: number, role: string, i: number, leaving: boolean): void {
  const ip = `10.${10 * cell + ROLES.indexOf(role)}.${Math.trunc(i / 250)}.${1 + (i % 250)}`;
  putPod(cell, role, `cell-${cell}-${role}-${String(i).padStart(3, '0')}`, { ip, leaving });
}

function putPod(cell: number, role: string, name: string, { ip, leaving }: { ip: string; leaving?: boolean }): void {
  pods.set(name, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { [LABELS.component]: role, [LABELS.cell]: `cell-${cell}` },
      ...(leaving ? { deletionTimestamp: '2026-01-01T00:00:00Z' } : {}),
    },
    spec: { containers: [] },
    status: {
      phase: 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  } as unknown as Pod);
}

/** Turns the n-th endpoint to draining or back, or all cells to another weight, so that every edge's routes change. Returns the type that changes. */
function change(what: string, n: number): string {
  if (what === 'weights') {
    for (let c = 0; c < size.cells; c++) setWeight(c, n % 2 === 0 ? 40 : 60);
    return ENVOY.route;
  }
  const cell = n % size.cells;
  const role = ROLES[Math.trunc(n / size.cells) % ROLES.length]!;
  const i = Math.trunc(n / (size.cells * ROLES.length)) % size.endpoints;
  const name = `cell-${cell}-${role}-${String(i).padStart(3, '0')}`;
  setPod(cell, role, i, pods.get(name)?.metadata.deletionTimestamp === undefined);
  return ENVOY.endpoints;
}

const atOnce: Clock = {
  ...systemClock,
  after: (_, fn) => {
    const immediate = setImmediate(fn);
    return { cancel: () => clearImmediate(immediate) };
  },
};
const publisher = new Publisher({
  observed: { cells, pods, rings: new Map(), workspaces: new Map() } satisfies Observed,
  tables: () => undefined,
  clock: atOnce,
  log,
  stateDir: '',
  publish: () => server.publish(),
  onRefused: (group) => {
    throw new Error(`the snapshot of ${group} was refused`);
  },
});

/** The type under way, the nodes that have acknowledged it, and what to call when all have. */
let pending: { type: string; nodes: Set<string>; done: () => void } | undefined;
const server = new AdsServer({
  host: '127.0.0.1',
  port: 0,
  source: publisher,
  clock: systemClock,
  log,
  onAnswer: (node, type, { outcome, error }) => {
    if (outcome === 'nack') throw new Error(error);
    if (outcome !== 'ack' || type !== pending?.type) return;
    pending.nodes.add(node.id);
    if (pending.nodes.size === size.nodes) pending.done();
  },
});
await server.start();
publisher.goLive();

process.once('SIGTERM', () => process.exit(0));
const control = createServer((socket) => {
  createInterface({ input: socket }).on('line', (line) => {
    const [what, n] = line.split(' ');
    pending = { type: change(what!, Number(n)), nodes: new Set(), done: () => socket.write('done\n') };
    publisher.changed();
  });
});
control.listen(0, '127.0.0.1', () => {
  const { port } = control.address() as { port: number };
  console.log(JSON.stringify({ xds: server.port, control: port }));
});
