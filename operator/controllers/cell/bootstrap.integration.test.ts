import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { testCell } from '../../test-support.ts';
import { envoyArgs, envoyBootstrap } from './bootstrap.ts';

const ENVOY = new URL('../../../.tools/bin/envoy', import.meta.url).pathname;

for (const addresses of [['127.1.0.1:18000', '127.2.0.1:18000'], ['chatcells-controlplane.chat.svc:18000']]) {
  test(`the real Envoy takes the bootstrap with ${addresses.join(', ')}`, async () => {
    const dir = await mkdtemp(join(tmpdir(), 'chatcells-bootstrap-'));
    try {
      const file = join(dir, 'bootstrap.json');
      await writeFile(file, envoyBootstrap(addresses));
      const args = envoyArgs(testCell('cell-a'), { drainSeconds: 20, logLevel: 'warning' }).map((arg) =>
        arg // as Kubernetes expands it
          .replaceAll('$(POD_NAME)', 'cell-a-edge-0')
          .replaceAll('$(POD_IP)', '127.0.0.1')
          .replace('/etc/envoy/bootstrap.json', file),
      );
      const result = spawnSync(ENVOY, [...args, '--mode', 'validate'], { encoding: 'utf8', timeout: 30_000 });
      assert.equal(result.status, 0, result.stderr);
      assert.doesNotMatch(result.stderr, /deprecated|unknown field/i);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}
