import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hasCode } from '../../../cells/contract/errors.ts';
import type { Subject } from '../conformance.ts';
import { WORKERS } from '../schema.ts';
import { OTHER_WORKSPACE, user, WORKSPACE } from '../testing/entries.ts';

export function leaseConformance(subject: Subject): void {
  it('leases each worker number to one holder, also under a race', async () => {
    const { leases } = subject.store;
    const holders = Array.from({ length: 12 }, (_, i) => `holder-${i}`);
    const numbers = await Promise.all(holders.map((h) => leases.leaseWorker(h, 60_000)));
    assert.equal(new Set(numbers).size, holders.length);
    assert.ok(numbers.every((n) => n >= 0 && n < WORKERS));
    assert.equal(await leases.leaseWorker('holder-3', 60_000), numbers[3]);
  });

  it('runs out, and takes released and expired numbers again', async () => {
    const store = await subject.open(await subject.fresh());
    await store.migrate();
    for (let i = 0; i < WORKERS; i++) await store.leases.leaseWorker(`h${i}`, i === 7 ? -1 : 60_000);
    const last = await store.leases.leaseWorker('expired one', 60_000);
    await assert.rejects(store.leases.leaseWorker('too many', 60_000), (e) => hasCode(e, 'service_unavailable'));
    await store.leases.releaseWorker('h9');
    const released = await store.leases.leaseWorker('released one', 60_000);
    assert.notEqual(last, released);
    await store.close();
  });

  it('redeems a ticket once, also under a race', async () => {
    const { leases } = subject.store;
    const expires = Date.now() + 60_000;
    const results = await Promise.all(Array.from({ length: 6 }, () => leases.redeemTicket(WORKSPACE, 't1', expires)));
    assert.equal(results.filter(Boolean).length, 1);
    assert.equal(await leases.redeemTicket(OTHER_WORKSPACE, 't1', expires), true);
    for (let i = 0; i < 70; i++) await leases.redeemTicket(WORKSPACE, `x${i}`, 1); // sweeps the expired ones
    assert.equal(await leases.redeemTicket(WORKSPACE, 't1', expires), false);
  });

  it('voids resume tokens of one user of one workspace', async () => {
    const { leases } = subject.store;
    assert.equal(await leases.sessionsRevokedBefore(WORKSPACE, user(1)), 0);
    await leases.revokeSessions(WORKSPACE, user(1), 1_800_000_000_123);
    await leases.revokeSessions(WORKSPACE, user(1), 1_700_000_000_000);
    assert.equal(await leases.sessionsRevokedBefore(WORKSPACE, user(1)), 1_800_000_000_123);
    assert.equal(await leases.sessionsRevokedBefore(OTHER_WORKSPACE, user(1)), 0);
  });
}
