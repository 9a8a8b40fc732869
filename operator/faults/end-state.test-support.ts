/** Everything that an operator left in a namespace, as text that is the same for every run that came to the same end. */
import { collectionPath, type KnownKind } from '../../cells/contract/kube/client.ts';
import type { KubeObject } from '../../cells/contract/kube/objects.ts';
import { decodeTokenKey } from '../../cells/contract/kube/token-secret.ts';
import type { Workspace } from '../../crds/index.ts';
import { API, OWNED_KINDS, type Secret } from '../world.ts';
import type { Arena } from './arena.test-support.ts';

const KINDS: readonly (readonly [apiVersion: string, kind: KnownKind])[] = [
  [API, 'Cell'],
  [API, 'ChannelRing'],
  [API, 'Workspace'],
  [API, 'PracticeDrain'],
  ['v1', 'Secret'],
  ...OWNED_KINDS,
];

interface Stored extends KubeObject {
  metadata: KubeObject['metadata'] & { managedFields?: { manager: string; subresource?: string }[] };
  status?: { conditions?: { type: string }[] };
}

/**
 * Field managers and what they own are part of it. Left out are times, versions and names made by chance; Events are,
 * since one may be lost with its writer.
 */
export async function endState(arena: Arena): Promise<string> {
  const names = new Map<string, string>([[arena.api.namespace, '<namespace>']]);
  const ends: Record<string, object> = {};
  for (const [apiVersion, kind] of KINDS) {
    const objects = await arena.api.client.list<Stored>(collectionPath(apiVersion, kind, arena.api.namespace));
    for (const object of objects.sort((a, b) => a.metadata.name.localeCompare(b.metadata.name))) {
      const name = `${kind} ${object.metadata.name}`;
      names.set(object.metadata.uid, `<uid of ${name}>`);
      if (kind === 'Workspace') nameKeys(names, object as unknown as Workspace);
      ends[name] = stable(object, kind);
    }
  }
  let text = JSON.stringify(ends);
  for (const [chance, name] of names) text = text.replaceAll(chance, name);
  // Put in order last: names made by chance are keys of managed fields too.
  return JSON.stringify(JSON.parse(text), sorted, 1)
    .replaceAll(/"\d{4}-\d\d-\d\dT[\d:.]*Z"/g, '"<time>"')
    .replaceAll(/("chatcells.dev\/applied-hash"): "[0-9a-f]*"/g, '$1: "<hash>"');
}

function nameKeys(names: Map<string, string>, { metadata, status }: Workspace): void {
  if (status?.workspaceId) names.set(status.workspaceId, `<id of ${metadata.name}>`);
  for (const [i, { kid, x }] of (status?.tokenKeys ?? []).entries()) {
    names.set(kid, `<kid ${i} of ${metadata.name}>`);
    names.set(x, `<public key ${i} of ${metadata.name}>`);
  }
}

function stable(object: Stored, kind: KnownKind): object {
  const { resourceVersion: _, managedFields = [], ...metadata } = object.metadata;
  const managers = managedFields.sort((a, b) => key(a).localeCompare(key(b)));
  const status = object.status?.conditions
    ? {
        status: { ...object.status, conditions: object.status.conditions.sort((a, b) => a.type.localeCompare(b.type)) },
      }
    : {};
  const { jwk, ...token } = (kind === 'Secret' && decodeTokenKey((object as Secret).data)) || {};
  const data = jwk ? { data: { ...token, x: jwk.x } } : {};
  return { ...object, ...status, ...data, metadata: { ...metadata, managedFields: managers } };
}

const key = (m: { manager: string; subresource?: string }): string => `${m.manager} ${m.subresource ?? ''}`;

/** Keys in one order. */
const sorted = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => a.localeCompare(b)))
    : value;
