import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cutTable, encodeSlotRange, encodeWorkspace, slotRangeName, TYPE_URLS } from '../contract/ads/resources.ts';
import { workspaceId } from '../contract/ids.ts';
import { emptyTable, type RingTable } from '../contract/ring-table.ts';
import { listener } from './envoy/listener.ts';
import { nodeConfig } from './node-config.ts';
import { Session } from './session.ts';
import { type Resource, resource, snapshot, versionOf } from './snapshot.ts';
import { ENVOY } from './types.ts';

const NODE = { id: 'n', cluster: '', role: 'edge', cell: 'c', zone: 'z', podIp: '' };
const SECRET = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';

/** A node that asked for everything of one type, and was sent it. */
function sent(type: string, resources: Resource[]): { session: Session; answer: (error?: string) => void } {
  const session = new Session();
  session.setSnapshot(snapshot({ [type]: resources }));
  let [response] = session.onRequest({ type_url: type, resource_names_subscribe: ['*'] }).responses;
  const answer = (error?: string): void => {
    const request = { type_url: type, response_nonce: response!.nonce };
    [response] = session.onRequest({ ...request, ...(error ? { error_detail: { message: error } } : {}) }).responses;
  };
  return { session, answer };
}
const at = (port: number): Resource[] => [listener('127.0.0.1', port)];

test('a resource as it was sent: enums by name, what is packed in it opened', () => {
  const { session, answer } = sent(ENVOY.listener, at(80));
  answer();
  const [type] = nodeConfig(NODE, session).types;
  assert.deepEqual([type?.type, type?.state, type?.resources[0]?.name], ['Listener', 'SYNCED', 'edge']);
  assert.equal(type?.resources[0]?.ackedVersion, type?.resources[0]?.version);
  const text = JSON.stringify(type?.resources[0]?.sent);
  assert.match(text, /"port_value":80/);
  assert.match(text, /"@type":"type.googleapis.com\/envoy[^"]*HttpConnectionManager"/);
});

test('what is refused, beside what is in force', () => {
  const { session, answer } = sent(ENVOY.listener, at(80));
  answer();
  const [response] = session.setSnapshot(snapshot({ [ENVOY.listener]: at(81) }));
  assert.equal(nodeConfig(NODE, session).types[0]?.state, 'STALE');
  const nack = { type_url: ENVOY.listener, response_nonce: response!.nonce, error_detail: { message: 'cannot bind' } };
  session.onRequest(nack);
  const [type] = nodeConfig(NODE, session).types;
  assert.deepEqual([type?.state, type?.lastError], ['NACKED', 'edge: cannot bind']);
  const [r] = type?.resources ?? [];
  assert.notEqual(r?.ackedVersion, r?.version);
  assert.equal(r?.refused, 'cannot bind');
  assert.match(JSON.stringify(r?.sent), /"port_value":81/);
  assert.match(JSON.stringify(r?.inForce), /"port_value":80/);
  const view = session.types.get(ENVOY.listener)!;
  assert.notEqual(versionOf(view.sent), versionOf(view.acked));
});

test('slot ranges name the slots of each member', () => {
  const member = { incarnation: 'u/1', pod: 'p', cell: 'c', zone: 'z', address: 'a:1', weight: 1 };
  const table: RingTable = { ...emptyTable('d/r'), epoch: 3, members: [member] };
  table.owner.fill(0);
  table.owner[258] = 0xffff;
  const range = cutTable(table)[1]!;
  const { session } = sent(TYPE_URLS.slotRange, [resource(slotRangeName('d/r', 1), encodeSlotRange(range))]);
  const shown = nodeConfig(NODE, session).types[0]?.resources[0]?.sent as Record<string, unknown>;
  assert.equal(shown.withoutOwner, '258');
  assert.deepEqual(shown.members, [
    { incarnation: 'u/1', address: 'a:1', zone: 'z', cell: 'c', owns: '256-257,259-511', standsByFor: '' },
  ]);
});

test('a workspace has public keys alone; a type that is not named is never opened; rubbish does not end the dump', () => {
  const entry = {
    ...{ id: workspaceId(1n), name: 'd/acme', displayName: 'Acme', ring: 'd/r', suspended: false, generation: 1 },
    ...{ keys: [{ kid: 'k', x: 'public' }], limits: { connections: 1, postsPerSecond: 1 } },
  };
  const { session } = sent(TYPE_URLS.workspace, [resource(entry.id, encodeWorkspace(entry))]);
  assert.deepEqual(nodeConfig(NODE, session).types[0]?.resources[0]?.sent, entry);
  const secret = sent(SECRET, [resource('tls', Buffer.from('private'))]);
  assert.equal(nodeConfig(NODE, secret.session).types[0]?.resources[0]?.sent, undefined);
  const rubbish = sent(TYPE_URLS.drainOrder, [resource('c', Buffer.from('rubbish'))]);
  assert.match(JSON.stringify(nodeConfig(NODE, rubbish.session).types[0]?.resources[0]?.sent), /undecodable/);
});
