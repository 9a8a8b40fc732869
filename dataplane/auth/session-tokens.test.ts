import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { ACME, ALICE, ManualClock, seededRandom } from './auth.test-support.ts';
import { parseSessionKeys, SessionTokens } from './session-tokens.ts';

const KEY = Buffer.alloc(32, 7);
const identity = { workspace: ACME, user: ALICE, roles: ['member'] };
const code = (expected: string) => (e: unknown) => (e as { code?: string }).code === expected;

function rig(keys = [KEY]) {
  const clock = new ManualClock();
  const spent = new Set<string>();
  const revoked = { beforeMs: 0 };
  const leases = {
    redeemTicket: async (_: string, id: string) => !spent.has(id) && Boolean(spent.add(id)),
    sessionsRevokedBefore: async () => revoked.beforeMs,
  };
  return { clock, revoked, tokens: new SessionTokens({ keys, leases, clock, random: seededRandom() }), leases };
}

describe('SessionTokens', () => {
  it('redeems a ticket once', async () => {
    const { tokens } = rig();
    const ticket = tokens.issueTicket(identity);
    assert.equal(tokens.ticketLooksValid(ticket), true);
    assert.deepEqual(await tokens.redeemTicket(ticket), identity);
    await assert.rejects(tokens.redeemTicket(ticket), code('ticket_invalid'));
  });

  it('lets a ticket expire after 30 s, a resume token after a day', async () => {
    const { tokens, clock } = rig();
    const ticket = tokens.issueTicket(identity);
    const resume = tokens.issueResume(identity, 's1');
    clock.advance(30_000);
    await assert.rejects(tokens.redeemTicket(ticket), code('ticket_invalid'));
    assert.equal((await tokens.verifyResume(resume)).session, 's1');
    clock.advance(24 * 3_600_000);
    await assert.rejects(tokens.verifyResume(resume), code('resume_invalid'));
  });

  it('never takes one kind for the other', async () => {
    const { tokens } = rig();
    await assert.rejects(tokens.verifyResume(tokens.issueTicket(identity)), code('resume_invalid'));
    await assert.rejects(tokens.redeemTicket(tokens.issueResume(identity, 's1')), code('ticket_invalid'));
  });

  it('revokes resume tokens issued before', async () => {
    const { tokens, clock, revoked } = rig();
    const old = tokens.issueResume(identity, 's1');
    clock.advance(10);
    revoked.beforeMs = clock.wallMs();
    await assert.rejects(tokens.verifyResume(old), code('resume_invalid'));
    assert.equal((await tokens.verifyResume(tokens.issueResume(identity, 's2'))).session, 's2');
  });

  it('rotates keys: an old one verifies and does not sign', async () => {
    const next = Buffer.alloc(32, 8);
    const old = rig([KEY]).tokens.issueResume(identity, 's1');
    const rotated = rig([next, KEY]).tokens;
    assert.equal((await rotated.verifyResume(old)).session, 's1');
    await assert.rejects(rig([KEY]).tokens.verifyResume(rotated.issueResume(identity, 's2')), code('resume_invalid'));
    assert.equal(parseSessionKeys(`${next.toString('base64')}, ${KEY.toString('base64')}`).length, 2);
    assert.throws(() => parseSessionKeys('c2hvcnQ='), /at least 32 bytes/);
  });

  it('refuses every token that was changed in one character', async () => {
    const { tokens } = rig();
    const good = tokens.issueResume(identity, 's1');
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.constantFrom(...'ABCxyz019-_.'), async (at, letter) => {
        const bad = good.slice(0, at) + letter + good.slice(at + 1);
        const [body, signature] = bad.split('.');
        const same =
          body === good.split('.')[0] &&
          Buffer.from(signature ?? '', 'base64url').equals(Buffer.from(good.split('.')[1]!, 'base64url'));
        fc.pre(!same);
        await assert.rejects(tokens.verifyResume(bad), code('resume_invalid'));
      }),
    );
  });
});
