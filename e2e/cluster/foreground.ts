/** The verbs `apiserver` and `mysql`: one real part for a test, in the foreground, ended by SIGTERM or end of input. */
import { existsSync, fstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { startApiServer } from './control-plane.ts';
import { startMysql } from './mysql.ts';

/** Prints `{"kubeconfig":…,"url":…}` as one line when ready, and runs until told to end. */
export async function runApiServer(dir: string): Promise<void> {
  const ports = await portsKept(dir, ['apiServer', 'etcdClient', 'etcdPeer']);
  const server = await startApiServer({ dir, ports });
  console.log(JSON.stringify({ kubeconfig: server.kubeconfig, url: server.url }));
  await toldToEnd();
  await server.close();
}

/** Prints `{"url":…}` as one line when ready, and runs until told to end. */
export async function runMysql(dir: string): Promise<void> {
  const ports = await portsKept(dir, ['mysql']);
  const server = await startMysql({ dir, port: ports.mysql });
  console.log(JSON.stringify({ url: server.url }));
  await toldToEnd();
  await server.close();
}

/** Free ports, the same ones when the folder is used again. */
async function portsKept<K extends string>(dir: string, names: K[]): Promise<Record<K, number>> {
  const file = join(dir, `ports-${names[0]}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as Record<K, number>;
  mkdirSync(dir, { recursive: true });
  const ports = await freePorts(names.length);
  const kept = Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<K, number>;
  writeFileSync(file, JSON.stringify(kept));
  return kept;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.on('error', reject);
          server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port));
        }),
    ),
  );
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** SIGTERM, SIGINT, or the end of standard input where it is a pipe (its writer is gone then). */
function toldToEnd(): Promise<void> {
  return new Promise((done) => {
    // Waiting for a signal alone does not keep Node running.
    const alive = setInterval(() => {}, 2 ** 30);
    const resolve = (): void => {
      clearInterval(alive);
      done();
    };
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    const input = fstatSync(0);
    // A pipe or (Node's own kind of pipe) a socket; /dev/null or a file would end at once.
    if (!input.isFIFO() && !input.isSocket()) return;
    process.stdin.on('error', () => resolve());
    process.stdin.on('end', () => resolve());
    process.stdin.resume();
  });
}
