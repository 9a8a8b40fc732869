/**
 * Broken links as one nftables table. Pure.
 *
 * Who sends is told by group id, since a socket that was not bound sends from 127.0.0.1; where to is told by address.
 * The answers of such a connection go to 127.0.0.1 and name no zone, so the connection is marked when its first packet
 * is seen and every packet of a marked connection is dropped, both ways. Connection tracking picks up connections that
 * were open before, and is off while no link is broken.
 *
 * A packet is marked where it leaves and dropped where it arrives, as a wire would lose it. Dropped before it has left,
 * its connection would never be tracked, and no mark would stay: what a process had sent and not got through would be
 * delivered after all once it closed the socket, which then has no group any more.
 */
import type { Ports, Zone } from './layout.ts';

export interface Fault {
  /** Two of `zone-a`, `zone-b`, `zone-c`, `store`, `api`; at least one is a zone, and it comes first. */
  link: [string, string];
  /** Packets lost in percent; 100 is a cut. */
  lossPercent: number;
}

export interface RulesInput {
  table: string;
  /** The cluster's block: keeps the marks of two clusters apart. */
  block: number;
  zones: readonly Zone[];
  ports: Ports;
  faults: readonly Fault[];
}

const ENDS = ['zone-a', 'zone-b', 'zone-c', 'store', 'api'];

/** The text for `nft -f`: replaces the table as a whole, in one step. Without faults it only removes it. */
export function nftRules(input: RulesInput): string {
  const remove = `table inet ${input.table} {}\ndelete table inet ${input.table}\n`;
  if (input.faults.length === 0) return remove;
  const marks = input.faults.flatMap((fault) => marksOf(fault, input)).map((rule) => `    ${rule}\n`);
  const drops = input.faults.map((fault) => `    ${dropOf(fault, input)}\n`);
  return `${remove}table inet ${input.table} {
  chain leave {
    type filter hook output priority 0; policy accept;
${marks.join('')}  }
  chain arrive {
    type filter hook prerouting priority 0; policy accept;
${drops.join('')}  }
}
`;
}

function dropOf(fault: Fault, { block }: RulesInput): string {
  const chance = fault.lossPercent >= 100 ? '' : ` numgen random mod 100 < ${fault.lossPercent}`;
  return `ct mark ${markOf(fault.link, block)}${chance} counter drop`;
}

function marksOf(fault: Fault, input: RulesInput): string[] {
  const [first, second] = fault.link;
  const mark = markOf(fault.link, input.block);
  const from = zoneNamed(first, input.zones);
  const to = input.zones.find((zone) => zone.name === second);
  const byGroup = to
    ? [
        { group: from.id, where: `ip daddr ${to.cidr}` },
        { group: to.id, where: `ip daddr ${from.cidr}` },
      ]
    : [{ group: from.id, where: `ip daddr 127.0.0.1 tcp dport ${portNamed(second, input.ports)}` }];
  const byAddress = to
    ? [`ip saddr ${from.cidr} ip daddr ${to.cidr}`, `ip saddr ${to.cidr} ip daddr ${from.cidr}`]
    : [];
  return [
    ...byGroup.map(({ group, where }) => `meta skgid ${group} ${where} ct mark set ${mark}`),
    ...byAddress.map((where) => `${where} ct mark set ${mark}`),
    // A port that a process of the link had may be another's by now, and what was known of its connection still stand.
    ...byGroup.map(({ group, where }) => `meta skgid != ${group} ${where} ct mark ${mark} ct mark set 0`),
  ];
}

/** A number of its own for every link: a mark outlives its rule on open connections, and must not mean another link. */
function markOf(link: Fault['link'], block: number): string {
  const [a, b] = link.map((end) => ENDS.indexOf(end) + 1) as [number, number];
  return `0x${(0x43_0000_00 + block * 256 + a * 16 + b).toString(16)}`;
}

function zoneNamed(name: string, zones: readonly Zone[]): Zone {
  const zone = zones.find((one) => one.name === name);
  if (!zone) throw new Error(`"${name}" is no zone`);
  return zone;
}

function portNamed(name: string, ports: Ports): number {
  if (name === 'store') return ports.mysql;
  if (name === 'api') return ports.apiServer;
  throw new Error(`"${name}" is neither store nor api`);
}

/** The link between two ends in the order that `Fault` wants. Throws when there is no such link. */
export function linkBetween(a: string, b: string): Fault['link'] {
  for (const end of [a, b]) if (!ENDS.includes(end)) throw new Error(`no link "${end}"; known: ${ENDS.join(', ')}`);
  const [first, second] = ENDS.indexOf(a) <= ENDS.indexOf(b) ? [a, b] : [b, a];
  if (first === second || !first.startsWith('zone-')) throw new Error(`there is no link between ${a} and ${b}`);
  return [first, second];
}

/** The faults after one more: a link has one at a time, and a loss of 0 is none. */
export function withFault(faults: readonly Fault[], fault: Fault): Fault[] {
  const others = faults.filter((one) => one.link.join() !== fault.link.join());
  return fault.lossPercent > 0 ? [...others, fault] : others;
}
