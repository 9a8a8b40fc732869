/**
 * One node's delta ADS stream as a pure state machine: requests and snapshots in, responses out.
 *
 * What must stay true:
 * - at most one response per type is in flight; the next diff is cut when it is answered, so a node that is slow gets
 *   fewer, larger responses and never a queue;
 * - a resource is sent only after the node has accepted everything that it needs (make), and nothing is removed while
 *   something of another of Envoy's types is in flight or refused (before break); what is being removed is not there any
 *   more for those that need it;
 * - a version that was refused alone is not sent again: the next one is. Of several in a refused response nobody says
 *   which is wrong, and the rest may be as good as any: they are sent again at once in responses of half that size, until
 *   those that are wrong have been refused alone.
 */
import type { DeltaRequest, DeltaResponse } from '../contract/ads/messages.ts';
import type { Resource, ResourceRef, Snapshot } from './snapshot.ts';
import {
  type Diff,
  diffOf,
  dropRefused,
  goOn,
  type Held,
  left,
  missing,
  newView,
  refuse,
  type TypeView,
} from './type-view.ts';
import { ENVOY, MAKE_ORDER } from './types.ts';

/** `NOT SENT`: the node asks for the type, and nothing has been sent to it yet. */
export type SyncState = 'SYNCED' | 'STALE' | 'NACKED' | 'NOT SENT';

export type Answered = { outcome: 'ack' | 'nack' | 'stale' | 'request'; error?: string };

export class Session {
  readonly types = new Map<string, TypeView>();
  /** Of `types`, make before what needs it; those that nothing needs last. */
  #order: readonly string[] = [];
  /** Undefined until anything is known: nothing is answered then, since an empty answer would make the node drop what it has. */
  #snapshot: Snapshot | undefined;
  /** Something is refused, or is sent again for it: nearly never, and looked for at every answer of every node. */
  #refusing = false;
  #nonce = 0;

  /** The version that the node is being brought to. */
  get version(): string {
    return this.#snapshot?.version ?? '';
  }

  /** Whether the node has acknowledged all that it subscribed to of the current snapshot. */
  get converged(): boolean {
    if (this.#snapshot === undefined) return false;
    for (const type of this.types.keys()) if (this.stateOf(type) !== 'SYNCED') return false;
    return true;
  }

  /** Of a type that the node has asked for. */
  stateOf(type: string): SyncState {
    const view = this.types.get(type);
    if (view === undefined) return 'NOT SENT';
    if (view.lastError !== undefined) return 'NACKED';
    if (!view.inFlight && view.acks === 0) return 'NOT SENT';
    return view.inFlight || this.#diff(type, view).changed.length > 0 ? 'STALE' : 'SYNCED';
  }

  setSnapshot(next: Snapshot): DeltaResponse[] {
    this.#snapshot = next;
    return this.#flush();
  }

  onRequest(request: DeltaRequest): { responses: DeltaResponse[]; answered: Answered } {
    const known = this.types.get(request.type_url);
    const view = known ?? newView();
    if (known === undefined) this.#open(request, view);
    const answered = this.#settle(view, request);
    this.#subscribe(view, request, known === undefined);
    return { responses: this.#flush(), answered };
  }

  #open(request: DeltaRequest, view: TypeView): void {
    view.diff = undefined;
    this.types.set(request.type_url, view);
    const asked = [...this.types.keys()];
    this.#order = [
      ...MAKE_ORDER.filter((type) => this.types.has(type)),
      ...asked.filter((type) => !MAKE_ORDER.includes(type)),
    ];
    for (const [name, version] of Object.entries(request.initial_resource_versions ?? {})) {
      view.sent.set(name, { version });
      view.acked.set(name, { version });
    }
  }

  #subscribe(view: TypeView, request: DeltaRequest, first: boolean): void {
    const subscribe = request.resource_names_subscribe ?? [];
    const unsubscribe = request.resource_names_unsubscribe ?? [];
    if (first || subscribe.length > 0 || unsubscribe.length > 0) {
      view.diff = undefined;
      view.whole = undefined;
    }
    if (first && subscribe.length === 0) view.wildcard = true;
    for (const name of subscribe) {
      if (name === '*') view.wildcard = true;
      else {
        view.names.add(name);
        view.owed.add(name);
      }
    }
    if (first && view.wildcard) view.owesFirst = true;
    for (const name of unsubscribe) {
      if (name === '*') view.wildcard = false;
      view.names.delete(name);
      view.owed.delete(name);
      if (view.wildcard) continue;
      view.sent.delete(name);
      view.acked.delete(name);
    }
  }

  #settle(view: TypeView, request: DeltaRequest): Answered {
    if (!request.response_nonce) return { outcome: 'request' };
    const { inFlight } = view;
    if (inFlight?.nonce !== request.response_nonce) return { outcome: 'stale' };
    view.inFlight = undefined;
    if (request.error_detail) {
      view.nacks++;
      refuse(view, inFlight, request.error_detail.message);
      this.#refusing = true;
      return { outcome: 'nack', error: request.error_detail.message };
    }
    view.whole = undefined;
    for (const r of inFlight.resources) view.acked.set(r.name, r);
    view.acks++;
    // The common case, at every ACK of every node: what was found to be due stays found.
    if (view.lastError !== undefined) goOn(view);
    return { outcome: 'ack' };
  }

  #dropRefused(snapshot: Snapshot): void {
    for (const [type, view] of this.types) dropRefused(view, snapshot.types.get(type));
    this.#refusing = [...this.types.values()].some((view) => view.lastError !== undefined);
  }

  #flush(): DeltaResponse[] {
    if (this.#snapshot === undefined) return [];
    const out: DeltaResponse[] = [];
    if (this.#refusing) this.#dropRefused(this.#snapshot);
    for (const type of this.#order) {
      const view = this.types.get(type)!;
      if (!view.inFlight) this.#respond(type, view, out);
    }
    for (let i = this.#order.length - 1; i >= 0; i--) {
      const type = this.#order[i]!;
      const view = this.types.get(type)!;
      if (!view.inFlight) this.#remove(type, view, out);
    }
    return out;
  }

  /** Changed resources that the node may have now, and the answers that it is owed. */
  #respond(type: string, view: TypeView, out: DeltaResponse[]): void {
    const { changed } = this.#diff(type, view);
    if (changed.length === 0 && view.owed.size === 0 && !view.owesFirst) return;
    const settled = new Map<Resource, boolean>();
    const resources = upTo(
      view.limit,
      changed.filter((r) => this.#mayGo(type, r, settled)),
    );
    const absent = view.owed.size === 0 ? NONE : missing(view.owed, this.#snapshot?.types.get(type));
    if (resources.length === 0 && absent.length === 0 && !view.owesFirst) return;
    out.push(this.#send(type, view, resources, absent));
    view.owesFirst = false;
  }

  #remove(type: string, view: TypeView, out: DeltaResponse[]): void {
    const { gone } = this.#diff(type, view);
    if (gone.length > 0 && this.#mayRemove(type)) out.push(this.#send(type, view, [], gone));
  }

  #send(type: string, view: TypeView, resources: readonly Resource[], removed: readonly string[]): DeltaResponse {
    const nonce = String(++this.#nonce);
    const diff = this.#diff(type, view);
    for (const r of resources) {
      view.sent.set(r.name, r);
      view.owed.delete(r.name);
      view.again.delete(r.name);
      view.refused.delete(r.name);
    }
    const inForce = new Map<string, Held | undefined>();
    for (const name of removed) {
      view.sent.delete(name);
      view.owed.delete(name);
      inForce.set(name, view.acked.get(name));
      view.acked.delete(name);
      view.whole = undefined;
    }
    view.inFlight = { nonce, resources, removed: inForce };
    view.diff = left(view, diff);
    return {
      system_version_info: this.version,
      type_url: type,
      nonce,
      removed_resources: removed,
      resources: resources.map((r) => ({
        name: r.name,
        version: r.version,
        resource: { type_url: type, value: r.bytes },
      })),
    };
  }

  #diff(type: string, view: TypeView): Diff {
    return diffOf(view, this.#snapshot?.types.get(type));
  }

  /**
   * Whether the node has accepted all that the resource needs. What comes in the same response, or is subscribed to
   * only because of this resource (a cluster's endpoints, a listener's routes), cannot be waited for.
   */
  #mayGo(type: string, r: Resource, settled: Map<Resource, boolean>): boolean {
    if (MAKE_ORDER.every((other) => other === type || this.#whole(other))) return true;
    const at = MAKE_ORDER.indexOf(type);
    return r.needs.every((need) => MAKE_ORDER.indexOf(need.type) >= at || this.#settled(need, settled));
  }

  /** Nearly always so, and quicker to tell than for each of a route's clusters and each of their endpoints. */
  #whole(type: string): boolean {
    const view = this.types.get(type);
    if (view === undefined) return true; // the node does not take this type from us
    const held = this.#snapshot?.types.get(type);
    if (view.whole === undefined || view.whole.of !== held)
      view.whole = { of: held, is: held === undefined || areIn(view.acked, held.keys()) };
    return view.whole.is;
  }

  /** `known`: what was found already, since many resources need the same ones. */
  #settled(ref: ResourceRef, known: Map<Resource, boolean>): boolean {
    const view = this.types.get(ref.type);
    if (view === undefined) return true; // the node does not take this type from us
    if (!view.acked.has(ref.name)) return false;
    const needed = this.#snapshot?.types.get(ref.type)?.get(ref.name);
    if (needed === undefined) return true;
    let settled = known.get(needed);
    if (settled === undefined) {
      settled = needed.needs.every((need) => this.#settled(need, known));
      known.set(needed, settled);
    }
    return settled;
  }

  /** Removals wait until everything that might still use the old is replaced. */
  #mayRemove(type: string): boolean {
    if (type === ENVOY.endpoints) return false; // Envoy drops them with their cluster
    if (!MAKE_ORDER.includes(type)) return true;
    for (const other of MAKE_ORDER) {
      const view = this.types.get(other);
      if (!view || other === type) continue;
      if (view.inFlight || view.lastError !== undefined || this.#diff(other, view).changed.length > 0) return false;
    }
    return true;
  }
}

const upTo = <T>(limit: number, list: readonly T[]): readonly T[] =>
  list.length <= limit ? list : list.slice(0, limit);

const NONE: readonly string[] = [];

function areIn(held: ReadonlyMap<string, unknown>, names: Iterable<string>): boolean {
  for (const name of names) if (!held.has(name)) return false;
  return true;
}
