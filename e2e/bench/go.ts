/** The Go programs among the peers, built by the machine's Go as the set-up finds it (scripts/setup/tool-go.sh). */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const BIN = join(ROOT, '.local/bench/bin');

/** Builds the program in a folder of a module, and returns its path. Nothing is compiled when nothing has changed. */
export function goProgram(module: string, program: string): string {
  const out = join(BIN, program);
  const args = ['build', '-trimpath', '-o', out, `./${program}`];
  const env = { ...process.env, CGO_ENABLED: '0', GOTOOLCHAIN: 'local', GOFLAGS: '-mod=readonly -buildvcs=false' };
  const { status, stderr } = spawnSync(go(), args, { cwd: module, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`go build ${program}: ${stderr}`);
  return out;
}

function go(): string {
  const candidates = [join(ROOT, '.tools/bin/go'), 'go', '/usr/local/go/bin/go'];
  const found = candidates.find((name) => spawnSync(name, ['version']).status === 0);
  if (found === undefined) throw new Error('the peer is a Go program, and there is no Go: run make setup');
  return found;
}
