import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

test('the generated descriptors are those of the proto files', () => {
  const script = new URL('generate-descriptors.ts', import.meta.url).pathname;
  assert.doesNotThrow(() => execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' }));
});
