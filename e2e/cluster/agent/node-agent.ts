/**
 * One zone's node agent: registers the zone's Node, and runs the Pods bound to it as host processes.
 *
 *   node node-agent.ts <zone>       with CHATCELLS_CLUSTER as for main.ts
 */
import { spawnSync } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { join } from 'node:path';
import pino, { type Logger } from 'pino';
import { pkiAt } from '../certificates.ts';
import { apiServerUrl } from '../control-plane.ts';
import { layoutFrom, ROOT, type Zone } from '../layout.ts';
import { pidsWithEnv, signal, startTimeOf } from '../proc.ts';
import { until } from '../wait.ts';
import { Addresses } from './addresses.ts';
import { ApiClient } from './api-client.ts';
import { backOffPolicy } from './backoff.ts';
import type { NodeContext } from './context.ts';
import { Events } from './events.ts';
import { NODE_MARK, nodeMark } from './launch.ts';
import { NodeObject } from './node-object.ts';
import { readPodRecords } from './pod-record.ts';
import { PodSource } from './pod-source.ts';
import { PodWorker } from './pod-worker.ts';

async function main(): Promise<void> {
  const layout = layoutFrom(process.env);
  const zone = layout.zones.find((one) => one.name === process.argv[2]);
  if (!zone) throw new Error(`unknown zone "${process.argv[2]}"`);
  const log = pino({ base: { node: zone.node }, level: process.env.LOG_LEVEL ?? 'info' });
  const pki = pkiAt(join(layout.dir, 'pki'));
  const api = new ApiClient({
    url: apiServerUrl(layout.ports.apiServer),
    ca: pki.ca,
    ...pki.certificate('node-agent'),
  });
  const context: NodeContext = {
    api,
    apiHost: '127.0.0.1',
    apiPort: layout.ports.apiServer,
    dir: layout.dir,
    zone,
    uid: zoneUser(zone, log),
    addresses: new Addresses(zone.nodeIp),
    backOff: backOffPolicy(Number(process.env.CHATCELLS_CRASH_BACKOFF_MS ?? 1_000)),
    events: new Events(api, zone.node, log),
    log,
  };
  await endLeftOvers(context);
  const node = new NodeObject(api, zone, log);
  const workers = new Map<string, PodWorker>();
  const source = new PodSource({
    api,
    node: zone.node,
    log,
    onPod(pod) {
      const known = workers.get(pod.metadata.uid);
      if (known) return known.update(pod);
      const worker = new PodWorker(context, pod);
      workers.set(pod.metadata.uid, worker);
      worker.start();
    },
    onGone(uid) {
      workers.get(uid)?.gone();
      workers.delete(uid);
    },
  });
  node.start();
  source.start();
  const stop = (): void => {
    log.info('stopping; Pods go on');
    for (const worker of workers.values()) worker.abandon();
    node.close();
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  log.info({ uid: context.uid, gid: zone.id }, 'node agent runs');
  // An agent is ended by a signal as a rule: what it compiled is kept from now on, and spares the next one 20 MB.
  flushCompileCache();
}

/** The zone's own user, unless it cannot read the checkout: then root, still with the zone's group. */
function zoneUser(zone: Zone, log: Logger): number {
  const node = join(ROOT, 'node_modules/.bin/node');
  const identity = [`--reuid=${zone.id}`, `--regid=${zone.id}`, '--clear-groups'];
  const tried = spawnSync('setpriv', [...identity, '--', 'test', '-x', node, '-a', '-r', join(ROOT, 'package.json')]);
  if (tried.status === 0) return zone.id;
  log.warn({ uid: zone.id, checkout: ROOT }, 'the zone user cannot read the checkout: containers run as root');
  return 0;
}

/** Ends the containers of an agent before this one: their exit could not be seen, and two of a kind must not run. */
async function endLeftOvers({ dir, zone, log }: NodeContext): Promise<void> {
  const recorded = readPodRecords(dir)
    .filter((record) => record.node === zone.node)
    .flatMap((record) => Object.values(record.containers))
    .filter((one) => startTimeOf(one.pid) === one.startTime)
    .map((one) => one.pid);
  const left = new Set([...recorded, ...pidsWithEnv(NODE_MARK, nodeMark(dir, zone.node))]);
  for (const pid of left) signal(pid, 'SIGKILL');
  if (left.size > 0) log.info({ processes: left.size }, 'ended what an agent before left');
  await until('left-over containers to end', () => [...left].every((pid) => startTimeOf(pid) === undefined), {
    deadlineMs: 10_000,
  });
}

await main();
