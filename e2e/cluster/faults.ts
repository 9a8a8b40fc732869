/** Faults on purpose: signals to Pods, store and API server; broken links between them. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPodRecords } from './agent/pod-record.ts';
import type { Layout } from './layout.ts';
import { type Fault, linkBetween, nftRules, withFault } from './nft-rules.ts';
import { signal, startTimeOf } from './proc.ts';
import { Processes } from './processes.ts';

export type { Fault };

const stateFile = (layout: Layout): string => join(layout.dir, 'faults.json');

export function readFaults(layout: Layout): Fault[] {
  if (!existsSync(stateFile(layout))) return [];
  return JSON.parse(readFileSync(stateFile(layout), 'utf8')) as Fault[];
}

/** Loses `lossPercent` of the packets between two ends; 100 cuts the link, 0 heals it. */
export function setLoss(layout: Layout, a: string, b: string, lossPercent: number): Fault[] {
  if (!Number.isInteger(lossPercent) || lossPercent < 0 || lossPercent > 100) {
    throw new Error(`loss is "${lossPercent}"; use a whole number from 0 to 100`);
  }
  const faults = withFault(readFaults(layout), { link: linkBetween(a, b), lossPercent });
  apply(layout, faults);
  writeFileSync(stateFile(layout), JSON.stringify(faults));
  return faults;
}

const CLIENT_PORT = 8080;

/**
 * Answers whatever goes to or comes from a Pod's port for clients with a reset, or no longer. A reset itself passes, or
 * the connections would only fall silent. Not kept over restarts.
 */
export function setReset(layout: Layout, ip: string, on: boolean): void {
  const table = `${tableOf(layout)}_reset`;
  const rules = [`ip saddr ${ip} tcp sport ${CLIENT_PORT}`, `ip daddr ${ip} tcp dport ${CLIENT_PORT}`];
  const chain = `chain output {
    type filter hook output priority 0; policy accept;
${rules.map((rule) => `    ${rule} tcp flags & rst == 0 reject with tcp reset\n`).join('')}  }`;
  const remove = `table inet ${table} {}\ndelete table inet ${table}\n`;
  runNft(on ? `${remove}table inet ${table} {\n  ${chain}\n}\n` : remove);
}

/** Heals every link. */
export function removeFaults(layout: Layout): void {
  if (readFaults(layout).length > 0) apply(layout, []);
}

function apply(layout: Layout, faults: Fault[]): void {
  const { block, zones, ports } = layout;
  runNft(nftRules({ table: tableOf(layout), block, zones, ports, faults }));
}

const tableOf = ({ name }: Layout): string =>
  name === 'default' ? 'chatcells' : `chatcells_${name.replaceAll('-', '_')}`;

const runNft = (input: string): unknown =>
  execFileSync('nft', ['-f', '-'], { input, stdio: ['pipe', 'ignore', 'pipe'] });

/** Parts of the cluster that are no Pods. */
const PARTS = { store: 'mysqld', api: 'kube-apiserver' } as const;
export type Part = keyof typeof PARTS;
export const isPart = (name: string): name is Part => Object.hasOwn(PARTS, name);

/** Throws when it does not run. */
export function signalPart(layout: Layout, part: Part, name: NodeJS.Signals): { part: Part; pid: number } {
  const record = new Processes(layout.dir, 'detached').find(PARTS[part]);
  if (!record || !signal(record.pid, name)) throw new Error(`${PARTS[part]} does not run here`);
  return { part, pid: record.pid };
}

export interface SignalTarget {
  /** `name` or `namespace/name` */
  pod: string;
  /** All of the Pod's containers when absent. */
  container?: string;
}

export interface Signalled {
  namespace: string;
  pod: string;
  container: string;
  pid: number;
}

/** Sends a signal to the processes of a Pod's containers, each with what it started. Throws when none runs. */
export function signalPod(layout: Layout, target: SignalTarget, name: NodeJS.Signals): Signalled[] {
  const [podName, namespace] = target.pod.split('/').reverse();
  const sent: Signalled[] = [];
  for (const record of readPodRecords(layout.dir)) {
    if (record.pod !== podName || (namespace && record.namespace !== namespace)) continue;
    for (const [container, process] of Object.entries(record.containers)) {
      if (target.container && container !== target.container) continue;
      if (startTimeOf(process.pid) !== process.startTime) continue;
      if (signal(-process.pid, name))
        sent.push({ namespace: record.namespace, pod: record.pod, container, pid: process.pid });
    }
  }
  if (sent.length === 0) throw new Error(`no process of Pod "${target.pod}" runs here`);
  return sent;
}
