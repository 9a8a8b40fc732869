/** Test doubles of this folder and of the gateway: labelled as such, never shipped. */
import { exportJWK, generateKeyPair, type JWK } from 'jose';
import type { Clock, Random, Timer } from '../../cells/contract/clock.ts';
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { type UserId, userId, type WorkspaceId, workspaceId } from '../../cells/contract/ids.ts';

export const ACME: WorkspaceId = workspaceId(101n);
export const GLOBEX: WorkspaceId = workspaceId(102n);
export const ALICE: UserId = userId(201n);
export const BOB: UserId = userId(202n);

/** Stands still until told: timers run in order of their time when it is advanced. */
export class ManualClock implements Clock {
  #now = 0;
  #next = 1;
  readonly #timers = new Map<number, { at: number; period: number | undefined; fn: () => void }>();

  wallMs(): number {
    return 1_790_000_000_000 + this.#now;
  }
  monotonicMs(): number {
    return this.#now;
  }
  after(delayMs: number, fn: () => void): Timer {
    return this.#add(delayMs, undefined, fn);
  }
  every(periodMs: number, fn: () => void): Timer {
    return this.#add(periodMs, periodMs, fn);
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (due === undefined) break;
      const [id, timer] = due;
      this.#now = Math.max(this.#now, timer.at);
      if (timer.period === undefined) this.#timers.delete(id);
      else timer.at += timer.period;
      timer.fn();
    }
    this.#now = end;
  }

  #add(delayMs: number, period: number | undefined, fn: () => void): Timer {
    const id = this.#next++;
    this.#timers.set(id, { at: this.#now + Math.max(0, delayMs), period, fn });
    return { cancel: () => void this.#timers.delete(id) };
  }
}

/** The same sequence every time. */
export function seededRandom(seed = 1): Random {
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    next,
    hex: (n) =>
      Array.from({ length: n }, () =>
        Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0'),
      ).join(''),
  };
}

export interface TestKey {
  private: JWK;
  entry: { kid: string; x: string };
}

export async function testKey(kid: string): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true });
  const { x } = await exportJWK(publicKey);
  return { private: { ...(await exportJWK(privateKey)), kid }, entry: { kid, x: x! } };
}

export const workspaceEntry = (
  id: WorkspaceId,
  keys: TestKey[],
  over: Partial<WorkspaceEntry> = {},
): WorkspaceEntry => ({
  id,
  name: `chatcells/${id.toLowerCase()}`,
  displayName: id,
  ring: 'chatcells/main',
  suspended: false,
  keys: keys.map((key) => key.entry),
  limits: { connections: 10_000, postsPerSecond: 1_000 },
  generation: 1,
  ...over,
});
