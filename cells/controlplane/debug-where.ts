/** /debug/v1/where: the slot of a topic or number, and who has it. */
import { ChatError } from '../contract/errors.ts';
import { idNumber } from '../contract/ids.ts';
import { SLOTS, slotOf } from '../contract/slot.ts';
import { notFound, type RingSources } from './debug-rings.ts';

export function where(query: URLSearchParams, from: RingSources): object {
  const topic = query.get('topic');
  const slot = topic === null ? slotNumber(query.get('slot')) : slotOfTopic(topic);
  const ring = query.get('ring') ?? onlyRing(from);
  const table = from.table(ring);
  if (!table) throw notFound('ChannelRing', ring);
  const at = (column: Uint16Array): object | null => {
    const m = table.members[column[slot]!];
    return m ? { incarnation: m.incarnation, pod: m.pod, cell: m.cell, zone: m.zone, address: m.address } : null;
  };
  const pin = from.rings.get(ring)?.spec.handoff?.pins?.find((p) => p.slot === slot);
  return {
    ...(topic === null ? {} : { topic }),
    ring,
    slot,
    tableEpoch: table.epoch,
    epoch: table.slotEpoch[slot],
    cell: table.members[table.owner[slot]!]?.cell ?? null,
    owner: at(table.owner),
    standby: at(table.standby),
    target: at(table.target),
    ...(pin === undefined ? {} : { pin }),
  };
}

function slotOfTopic(topic: string): number {
  if (idNumber(topic) === undefined)
    throw new ChatError('invalid_arguments', { argument: 'topic', problem: 'it is not an id' });
  return slotOf(topic);
}

function slotNumber(text: string | null): number {
  const slot = Number(text ?? Number.NaN);
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS)
    throw new ChatError('invalid_arguments', { argument: 'slot', problem: `it is not from 0 to ${SLOTS - 1}` });
  return slot;
}

function onlyRing({ rings }: RingSources): string {
  const [ring, another] = rings.keys();
  if (ring === undefined || another !== undefined)
    throw new ChatError('invalid_arguments', { argument: 'ring', problem: 'name it as <namespace>/<name>' });
  return ring;
}
