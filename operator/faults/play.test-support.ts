/** Plays a scenario once, with an operator that is broken in some way, and says where it ended. */
import assert from 'node:assert/strict';
import type { TestApiServer } from '../../cells/contract/kube/api-server.test-support.ts';
import { eventually } from '../../cells/contract/kube/eventually.test-support.ts';
import { Arena, type Instance } from './arena.test-support.ts';
import { endState } from './end-state.test-support.ts';
import { Invariants } from './invariants.test-support.ts';
import type { Scenario } from './scenarios.test-support.ts';

export interface Played {
  end: string;
  /** Writes of the operators while the scenario was played. */
  writes: number;
}

/** Starts the operators of a run, one or several after or beside one another; `stop` ends all of them. */
export type Cast = (arena: Arena) => Promise<{ stop(): Promise<void>; writes(): number }>;

/**
 * Without `expected` the end is where nothing changes any more. With it, it must be reached, and kept for a round of the
 * controllers.
 */
export async function play(server: TestApiServer, scenario: Scenario, cast: Cast, expected?: string): Promise<Played> {
  const arena = await Arena.open(server);
  const invariants = new Invariants(arena);
  try {
    if (scenario.prepare) {
      const untouched = await arena.operator();
      await scenario.prepare(arena);
      await settled(arena);
      await untouched.close();
    }
    const operators = await cast(arena);
    let end: string;
    try {
      await scenario.play(arena);
      end = expected === undefined ? await settled(arena) : await reached(arena, expected);
    } finally {
      await operators.stop();
    }
    assert.deepEqual(invariants.broken, []);
    return { end, writes: operators.writes() };
  } finally {
    await invariants.close();
    await arena.close();
  }
}

async function settled(arena: Arena): Promise<string> {
  for (;;) {
    const before = await endState(arena);
    await arena.asked(2);
    const after = await endState(arena);
    if (after === before) return after;
  }
}

async function reached(arena: Arena, expected: string): Promise<string> {
  await eventually(async () => assertSame(await endState(arena), expected), 30_000);
  await arena.asked(1);
  const end = await endState(arena);
  assertSame(end, expected);
  return end;
}

/** Shows where they begin to differ: the whole is thousands of lines. */
function assertSame(end: string, expected: string): void {
  if (end === expected) return;
  const [is, should] = [end.split('\n'), expected.split('\n')];
  const at = is.findIndex((line, n) => line !== should[n]);
  const object = is.slice(0, at).findLast((line) => /^ "/.test(line));
  const around = (lines: readonly string[]): string => lines.slice(Math.max(0, at - 3), at + 12).join('\n');
  assert.fail(`another end, from line ${at} on, in ${object}\n${around(is)}\n--- expected:\n${around(should)}`);
}

/** An operator that nothing happens to. */
export const untouched: Cast = async (arena) => {
  let writes = 0;
  const operator = await arena.operator({
    fateOf: ({ write }) => {
      if (write) writes++;
      return 'pass';
    },
  });
  return { stop: () => operator.close(), writes: () => writes };
};

/** Leaders that are killed at their writes of these numbers, one after the other; the one after them is left alone. */
export function killedAt(kills: Iterable<{ write: number; when: 'killedBefore' | 'killedAfter' }>): Cast {
  return async (arena) => {
    const plan = kills[Symbol.iterator]();
    const running: Instance[] = [];
    let writes = 0;
    let stopped = false;
    const next = async (): Promise<void> => {
      const kill = plan.next().value;
      let own = 0;
      const instance = await arena.operator({
        fateOf: ({ write }) => {
          if (!write) return 'pass';
          writes++;
          return ++own === kill?.write ? kill.when : 'pass';
        },
      });
      running.push(instance);
      void instance.proxy.gone.then(() => (stopped ? undefined : next()));
    };
    await next();
    return {
      stop: async () => {
        stopped = true;
        await Promise.all(running.map((instance) => instance.close()));
      },
      writes: () => writes,
    };
  };
}
