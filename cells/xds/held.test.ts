import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Held, HeldResources } from './held.ts';

test('property: the version is that of what is there, however it came there', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'ab');
  const version = fc.constantFrom('1', '2', 'b1');
  const step = fc.record({ name, version: fc.option(version) });
  const held = (steps: readonly { name: string; version: string | null }[]): HeldResources => {
    const made = new HeldResources();
    for (const { name, version } of steps) version === null ? made.delete(name) : made.set(name, { version });
    return made;
  };
  const contentOf = (of: ReadonlyMap<string, Held>): string =>
    JSON.stringify([...of].map(([name, { version }]) => [name, version]).sort());
  fc.assert(
    fc.property(fc.array(step), fc.array(step), (one, other) => {
      const [a, b] = [held(one), held(other)];
      assert.equal(a.version === b.version, contentOf(a) === contentOf(b));
      const again = held([...a].reverse().map(([name, { version }]) => ({ name, version })));
      assert.equal(again.version, a.version);
      for (const name of [...a.keys()]) a.delete(name);
      assert.equal(a.version, '');
    }),
    { numRuns: 1_000 },
  );
});
