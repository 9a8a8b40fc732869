/**
 * What our operator writes for one Cell and one Workspace, for the peer to do the same: recorded by a proxy between the
 * operator and the API server. In the recorded objects {{name}} and {{uid}} stand for the owner's.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestApiServer, type TestApiServer } from '../../../cells/contract/kube/api-server.test-support.ts';
import { type KubeRequest, kubeFetch } from '../../../cells/contract/kube/http.ts';
import type { KubeObject } from '../../../cells/contract/kube/index.ts';
import { createObjects } from './objects.ts';
import { Settling } from './settling.ts';

interface Step {
  what: 'self' | 'owned' | 'event' | 'status';
  create: boolean;
  fieldManager: string;
  object: object;
}
export type Recording = Readonly<Record<'Cell' | 'Workspace', readonly Step[]>>;

interface Write {
  method: string;
  url: URL;
  body: string;
}
/** Nothing written for this long: it was all. */
const QUIET_MS = 3_000;

/** `start` runs the operator against the API server at a URL, in a namespace; what it returns ends it. */
export async function record(start: (server: string, namespace: string) => () => Promise<void>): Promise<string> {
  const api = await startTestApiServer();
  const writes: Write[] = [];
  let lastMs = performance.now();
  const proxy = createServer((request, response) => {
    void forward(api, request, response, (write) => {
      writes.push(write);
      lastMs = performance.now();
    });
  });
  const settling = new Settling(api);
  try {
    await createObjects(api, { cells: 1, workspaces: 1 });
    await settling.start();
    await new Promise<void>((resolve) => {
      proxy.listen(0, '127.0.0.1', resolve);
    });
    const { port } = proxy.address() as { port: number };
    const stop = start(`http://127.0.0.1:${port}`, api.namespace);
    await settling.settled(() => {});
    while (performance.now() - lastMs < QUIET_MS) await sleep(200);
    await stop();
    return JSON.stringify(recordingOf(writes)).replaceAll(api.namespace, '{{namespace}}');
  } finally {
    await settling.close();
    proxy.closeAllConnections();
    proxy.close();
    await api.close();
  }
}

async function forward(
  api: TestApiServer,
  request: IncomingMessage,
  response: ServerResponse,
  onWrite: (write: Write) => void,
): Promise<void> {
  const body = await text(request);
  const { method = 'GET', url = '/', headers } = request;
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  try {
    const answer = await kubeFetch(api.kubeConfig, {
      method: method as KubeRequest['method'],
      path: url,
      ...(headers['content-type'] ? { contentType: headers['content-type'] } : {}),
      ...(body ? { body } : {}),
      signal: gone.signal,
    });
    if (method !== 'GET' && answer.ok && !url.includes('/leases'))
      onWrite({ method, url: new URL(url, 'http://proxy'), body });
    response.writeHead(answer.status, { 'content-type': answer.contentType ?? 'application/json' });
    response.flushHeaders(); // of a watch that has nothing to tell yet
    answer.body.on('error', () => response.destroy()).pipe(response);
  } catch {
    response.destroy();
  }
}

function recordingOf(writes: readonly Write[]): Recording {
  const steps: Record<'Cell' | 'Workspace', Step[]> = { Cell: [], Workspace: [] };
  for (const write of writes) {
    const object = JSON.parse(write.body || '{}') as Partial<Owned>;
    const owner = ownerOf(object);
    if (owner === undefined || (owner.kind !== 'Cell' && owner.kind !== 'Workspace')) continue;
    const generic = write.body.replaceAll(owner.uid, '{{uid}}').replaceAll(owner.name, '{{name}}');
    steps[owner.kind].push({
      what: whatOf(write, object),
      create: write.method === 'POST',
      fieldManager: write.url.searchParams.get('fieldManager') ?? '',
      object: JSON.parse(generic) as object,
    });
  }
  return steps;
}

type Owned = KubeObject & { regarding: { kind: string; name: string; uid: string } };
const isOwner = ({ kind }: Partial<Owned>): boolean => kind === 'Cell' || kind === 'Workspace';

function ownerOf(object: Partial<Owned>): { kind: string; name: string; uid: string } | undefined {
  const { kind = '', metadata, regarding } = object;
  if (isOwner(object) && metadata) return { kind, name: metadata.name, uid: metadata.uid };
  return regarding ?? metadata?.ownerReferences?.[0];
}

function whatOf({ url }: Write, object: Partial<Owned>): Step['what'] {
  if (url.pathname.endsWith('/status')) return 'status';
  if (isOwner(object)) return 'self';
  return object.regarding ? 'event' : 'owned';
}
