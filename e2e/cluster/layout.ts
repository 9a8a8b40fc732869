/** Where a local cluster keeps its files and which ports it takes. Pure but for the environment that is passed in. */
import { join, resolve } from 'node:path';

/** The checkout. */
export const ROOT = resolve(import.meta.dirname, '../..');
export const TOOLS = join(ROOT, '.tools');

export interface Ports {
  apiServer: number;
  etcdClient: number;
  etcdPeer: number;
  mysql: number;
  controllerManager: number;
  scheduler: number;
}

export interface Layout {
  /** `default` unless CHATCELLS_CLUSTER says otherwise. */
  name: string;
  /** Which of the 200 blocks of ports and addresses the cluster takes; 0 is the default cluster's. */
  block: number;
  /** The folder of all of the cluster's state. */
  dir: string;
  ports: Ports;
  zones: Zone[];
}

export interface Zone {
  /** `zone-a` */
  name: string;
  /** `node-a` */
  node: string;
  /** The node's own address; Pods take the following ones of the same /24. */
  nodeIp: string;
  /** Every address of the zone in this cluster. */
  cidr: string;
  /** User and group id of the zone's containers. */
  id: number;
}

const PORT_BASE = 17_000;
const BLOCKS = 200;

/** FNV-1a: spreads names over the blocks, the same on every run. */
export function blockOf(name: string): number {
  if (name === 'default') return 0;
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return 1 + (hash % (BLOCKS - 1));
}

export function portsOf(block: number): Ports {
  const first = PORT_BASE + block * 10;
  return {
    apiServer: first,
    etcdClient: first + 1,
    etcdPeer: first + 2,
    mysql: first + 3,
    controllerManager: first + 4,
    scheduler: first + 5,
  };
}

/** Zone a has 127.1.<block>.0/24, zone b 127.2.<block>.0/24 and so on. */
export function zonesOf(block: number): Zone[] {
  return ['a', 'b', 'c'].map((letter, index) => ({
    name: `zone-${letter}`,
    node: `node-${letter}`,
    nodeIp: `127.${index + 1}.${block}.1`,
    cidr: `127.${index + 1}.${block}.0/24`,
    id: 2001 + index,
  }));
}

/** The cluster that the environment names: CHATCELLS_CLUSTER (a DNS label), CHATCELLS_PORT_BLOCK (0–199) to override. */
export function layoutFrom(env: NodeJS.ProcessEnv): Layout {
  const name = env.CHATCELLS_CLUSTER || 'default';
  if (!/^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) {
    throw new Error(`CHATCELLS_CLUSTER is "${name}"; use lower-case letters, digits and dashes`);
  }
  const block = env.CHATCELLS_PORT_BLOCK === undefined ? blockOf(name) : Number(env.CHATCELLS_PORT_BLOCK);
  if (!Number.isInteger(block) || block < 0 || block >= BLOCKS) {
    throw new Error(`CHATCELLS_PORT_BLOCK is "${env.CHATCELLS_PORT_BLOCK}"; use 0 to ${BLOCKS - 1}`);
  }
  const dir = join(ROOT, '.local', name === 'default' ? 'cluster' : `cluster-${name}`);
  return { name, block, dir, ports: portsOf(block), zones: zonesOf(block) };
}
