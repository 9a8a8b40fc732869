import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { SignJWT } from 'jose';
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import type { WorkspaceId } from '../../cells/contract/ids.ts';
import { mintToken, type TokenClaims } from '../client/token.ts';
import { ACME, ALICE, GLOBEX, ManualClock, type TestKey, testKey, workspaceEntry } from './auth.test-support.ts';
import { TokenVerifier } from './token-verifier.ts';

let acmeKey: TestKey;
let globexKey: TestKey;

function rig() {
  const clock = new ManualClock();
  const entries = new Map<WorkspaceId, WorkspaceEntry>([
    [ACME, workspaceEntry(ACME, [acmeKey])],
    [GLOBEX, workspaceEntry(GLOBEX, [globexKey])],
  ]);
  const verifier = new TokenVerifier({ clock, control: { workspace: async (id) => entries.get(id) } });
  const claims = (over: Partial<TokenClaims> = {}): TokenClaims => ({
    workspace: ACME,
    user: ALICE,
    roles: ['admin'],
    name: 'alice',
    expires: Math.floor(clock.wallMs() / 1000) + 60,
    ...over,
  });
  return { clock, entries, verifier, claims };
}
const code = (expected: string) => (e: unknown) => (e as { code?: string }).code === expected;
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('TokenVerifier', () => {
  before(async () => {
    acmeKey = await testKey('k1');
    globexKey = await testKey('k1');
  });

  it('accepts a token of the workspace, twice', async () => {
    const { verifier, claims } = rig();
    const token = await mintToken(acmeKey.private, claims());
    for (let i = 0; i < 2; i++) {
      const identity = await verifier.verify(token);
      assert.deepEqual(
        [identity.workspace, identity.user, identity.roles, identity.name, identity.entry.ring],
        [ACME, ALICE, ['admin'], 'alice', 'chatcells/main'],
      );
    }
  });

  it('tells nothing apart between an unknown workspace and one whose key did not sign', async () => {
    const { verifier, claims } = rig();
    await assert.rejects(verifier.verify(await mintToken(globexKey.private, claims())), code('invalid_auth'));
    await assert.rejects(
      verifier.verify(await mintToken(acmeKey.private, claims({ workspace: 'T7777' }))),
      code('invalid_auth'),
    );
    await assert.rejects(
      verifier.verify(await mintToken({ ...acmeKey.private, kid: 'k2' }, claims())),
      code('invalid_auth'),
    );
  });

  it('refuses no token, rubbish, alg none and another alg', async () => {
    const { verifier, claims, clock } = rig();
    await assert.rejects(verifier.verify(undefined), code('not_authed'));
    await assert.rejects(verifier.verify(''), code('not_authed'));
    for (const rubbish of ['x', 'a.b.c', '..', 'é'.repeat(10), 'x'.repeat(100_000)])
      await assert.rejects(verifier.verify(rubbish), code('invalid_auth'));
    const body = { workspace_id: ACME, user_id: ALICE, roles: ['owner'], exp: Math.floor(clock.wallMs() / 1000) + 60 };
    const good = await mintToken(acmeKey.private, claims());
    for (const alg of ['none', 'None', 'HS256', 'EdDSA'])
      for (const signature of ['', good.split('.')[2]])
        await assert.rejects(
          verifier.verify(`${base64({ alg, kid: 'k1' })}.${base64(body)}.${signature}`),
          code('invalid_auth'),
        );
    // The public key as an HMAC secret: the classic confusion.
    const confused = await new SignJWT(body)
      .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
      .sign(Buffer.from(acmeKey.entry.x.padEnd(32, '=')));
    await assert.rejects(verifier.verify(confused), code('invalid_auth'));
  });

  it('refuses claims of a wrong shape', async () => {
    const { verifier, claims } = rig();
    for (const over of [{ roles: ['god'] }, { roles: [] }, { user: 'C123' }, { user: 'bob' }] as const)
      await assert.rejects(
        verifier.verify(await mintToken(acmeKey.private, claims(over))),
        code('invalid_auth'),
        JSON.stringify(over),
      );
  });

  it('lets a cached token expire, and go with its key', async () => {
    const { verifier, claims, clock, entries } = rig();
    const token = await mintToken(acmeKey.private, claims());
    await verifier.verify(token);
    entries.set(ACME, workspaceEntry(ACME, [globexKey]));
    await assert.rejects(verifier.verify(token), code('invalid_auth'));
    entries.set(ACME, workspaceEntry(ACME, [acmeKey]));
    await verifier.verify(token);
    clock.advance(61_000);
    await assert.rejects(verifier.verify(token), code('token_expired'));
    await assert.rejects(rigVerify(token, clock, entries), code('token_expired'));
  });

  it('tells only the holder of a good token that the workspace is suspended', async () => {
    const { verifier, claims, entries } = rig();
    entries.set(ACME, workspaceEntry(ACME, [acmeKey], { suspended: true }));
    await assert.rejects(verifier.verify(await mintToken(acmeKey.private, claims())), code('team_access_not_granted'));
    await assert.rejects(verifier.verify(await mintToken(globexKey.private, claims())), code('invalid_auth'));
  });
});

/** A verifier that has never seen the token. */
const rigVerify = (token: string, clock: ManualClock, entries: Map<WorkspaceId, WorkspaceEntry>) =>
  new TokenVerifier({ clock, control: { workspace: async (id) => entries.get(id) } }).verify(token);
