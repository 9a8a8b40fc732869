/** The members of a ring as they would be: the questions of `chatctl ring plan`. Pure. */
import { ChatError } from '../contract/errors.ts';
import type { LiveMember } from '../ring/plan.ts';

export interface WhatIf {
  /** Pods or Cells whose channel servers leave by plan, as for a drain or a scale-down. */
  without: readonly string[];
  /** `CELL` or `CELL=N`: N more channel servers there. */
  add: readonly string[];
}

const MAX_ADDED = 1_000;

/** Throws `invalid_arguments` for a name that is not there. `zones`: of the Cells that exist, by name. */
export function whatIf(
  members: readonly LiveMember[],
  { without, add }: WhatIf,
  zones: ReadonlyMap<string, string>,
): LiveMember[] {
  const leaves = (m: LiveMember): boolean => without.includes(m.pod) || without.includes(m.cell);
  for (const name of without)
    if (!members.some((m) => m.pod === name || m.cell === name))
      throw new ChatError('invalid_arguments', {
        argument: 'without',
        problem: `${name} is no member and no Cell of one`,
      });
  return [
    ...members.map((m) => (leaves(m) ? { ...m, leaving: true } : m)),
    ...add.flatMap((text) => added(text, zones)),
  ];
}

function added(text: string, zones: ReadonlyMap<string, string>): LiveMember[] {
  const [cell = '', number = '1'] = text.split('=');
  const zone = zones.get(cell);
  const count = Number(number);
  if (zone === undefined)
    throw new ChatError('invalid_arguments', { argument: 'add', problem: `there is no Cell ${cell}` });
  if (!Number.isInteger(count) || count < 1 || count > MAX_ADDED)
    throw new ChatError('invalid_arguments', {
      argument: 'add',
      problem: `${text}: use CELL or CELL=N, N up to ${MAX_ADDED}`,
    });
  return Array.from({ length: count }, (_, i) => {
    const pod = `${cell}-channel-new-${i + 1}`;
    return { incarnation: `new/${pod}`, pod, cell, zone, address: '', weight: 1, leaving: false };
  });
}
