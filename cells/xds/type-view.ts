/**
 * What one node has, lacks and has refused of one type of resources; a Session has one for each type that its node asks
 * for. Changed in place: it is looked at for every answer of every node.
 */
import type { Resource, Resources } from './snapshot.ts';

/** A resource as a node was sent it; without bytes when it has it from an earlier stream. */
export interface Held {
  version: string;
  bytes?: Uint8Array;
}

interface InFlight {
  nonce: string;
  resources: readonly Resource[];
  /** By name, what the node has in force of each until it answers. */
  removed: ReadonlyMap<string, Held | undefined>;
}

/** What a node lacks of a type's resources, and what it was sent that they no longer hold. */
export interface Diff {
  of: Resources | undefined;
  changed: readonly Resource[];
  gone: readonly string[];
}

export interface TypeView {
  wildcard: boolean;
  names: Set<string>;
  /** By name, what the node was last sent, whether or not it has answered or refused it. */
  sent: Map<string, Held>;
  /** By name, what it has acknowledged, and so has in force; without what it has been told to remove. */
  acked: Map<string, Held>;
  /** Names just subscribed to: to be answered even when nothing changed, or when there is no such resource. */
  owed: Set<string>;
  /** The first wildcard request gets an answer even when it is empty. */
  owesFirst: boolean;
  /** What was found last, less what has been sent since; undefined once what it was found from has changed. */
  diff: Diff | undefined;
  /** Whether all resources of `of` are acknowledged, as found last; undefined once `acked` has changed. */
  whole: { of: Resources | undefined; is: boolean } | undefined;
  inFlight: InFlight | undefined;
  /** By name, in the node's words: what was refused alone, as it stands in `sent`. One that does not is a refused removal. */
  refused: Map<string, string>;
  /** Names of those that were refused with others, and are to be sent again though they have not changed. */
  again: Set<string>;
  /** How many resources a response may hold: less and less while it is looked for which of `again` is wrong. */
  limit: number;
  /** Versions over `sent` and `acked`, as the server made them last, and when. */
  versions: { at: string; of: { sentVersion: string; ackedVersion: string } } | undefined;
  acks: number;
  nacks: number;
  /** The node's words for a refusal that stands, after the resource's name once that is known: the words often have none. */
  lastError: string | undefined;
}

/** A type that a new snapshot did not touch has the same resources in the same map: nothing is compared then. */
export function diffOf(view: TypeView, held: Resources | undefined): Diff {
  if (view.diff === undefined || view.diff.of !== held)
    view.diff = { of: held, changed: held ? changes(view, held) : [], gone: missing(view.sent.keys(), held) };
  return view.diff;
}

function changes(view: TypeView, held: Resources): Resource[] {
  const found: Resource[] = [];
  if (view.wildcard) {
    for (const r of held.values()) if (isDue(view, r)) found.push(r);
  } else {
    for (const name of view.names) {
      const r = held.get(name);
      if (r && isDue(view, r)) found.push(r);
    }
  }
  return found;
}

const isDue = ({ sent, owed, again }: TypeView, { name, version }: Resource): boolean =>
  sent.get(name)?.version !== version || owed.has(name) || again.has(name);

/** Of what was found, once some of it has been sent. */
export const left = (view: TypeView, { of, changed, gone }: Diff): Diff => ({
  of,
  changed: changed.filter((r) => isDue(view, r)),
  gone: gone.filter((name) => view.sent.has(name)),
});

/** One alone is what is wrong. Of several any may be: each is due again, in smaller responses. */
export function refuse(view: TypeView, { resources, removed }: InFlight, words: string): void {
  view.lastError = words;
  for (const [name, inForce] of removed) {
    view.refused.set(name, words);
    if (inForce !== undefined && !view.acked.has(name)) view.acked.set(name, inForce);
  }
  if (resources.length === 1) view.refused.set(resources[0]!.name, words);
  else if (resources.length > 1) {
    for (const r of resources) view.again.add(r.name);
    view.limit = Math.floor(resources.length / 2);
    view.diff = undefined;
  }
  settleError(view);
}

/** Something was accepted after a refusal: more may go at a time, and a removal, which nothing can correct, once more. */
export function goOn(view: TypeView): void {
  view.limit *= 2;
  for (const name of view.refused.keys()) {
    if (view.sent.has(name)) continue;
    view.refused.delete(name);
    const inForce = view.acked.get(name);
    if (inForce) view.sent.set(name, inForce); // so that it is found to be gone again
    view.diff = undefined;
  }
  settleError(view);
}

/** Of one that is refused, whatever was said of others meanwhile; until nothing is, and nothing is looked for. */
function settleError(view: TypeView): void {
  if (view.again.size > 0) return;
  view.limit = Number.POSITIVE_INFINITY;
  const [name, words] = [...view.refused].at(-1) ?? [];
  view.lastError = words === undefined || words.startsWith(`${name}:`) ? words : `${name}: ${words}`;
}

/** What nobody wants any more is not wrong, and need not be sent again. */
export function dropRefused(view: TypeView, held: Resources | undefined): void {
  if (view.lastError === undefined || view.inFlight) return;
  const wanted = (name: string): boolean => view.wildcard || view.names.has(name);
  for (const name of view.refused.keys())
    if (!wanted(name) || (view.sent.has(name) && !held?.has(name))) view.refused.delete(name);
  for (const name of view.again) if (!wanted(name) || !held?.has(name)) view.again.delete(name);
  settleError(view);
}

export function missing(names: Iterable<string>, held: ReadonlyMap<string, unknown> | undefined): string[] {
  const found: string[] = [];
  for (const name of names) if (!held?.has(name)) found.push(name);
  return found;
}

export const newView = (): TypeView => ({
  wildcard: false,
  names: new Set(),
  sent: new Map(),
  acked: new Map(),
  owed: new Set(),
  owesFirst: false,
  diff: undefined,
  whole: undefined,
  inFlight: undefined,
  refused: new Map(),
  again: new Set(),
  limit: Number.POSITIVE_INFINITY,
  versions: undefined,
  acks: 0,
  nacks: 0,
  lastError: undefined,
});
