/** A TCP proxy in front of a store that a test can make silent. */
import { connect, createServer, type Socket } from 'node:net';

export interface FlakyProxy {
  /** The store URL through the proxy. */
  readonly url: string;
  /** What the store answers from now on is dropped; what it is sent still arrives. */
  silent: boolean;
  /** Ends every connection. */
  cut(): void;
  close(): Promise<void>;
}

export async function flakyProxy(storeUrl: string, query = ''): Promise<FlakyProxy> {
  const target = new URL(storeUrl);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const store = connect(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [client, store],
      [store, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (bytes) => store.write(bytes));
    store.on('data', (bytes) => {
      if (!proxy.silent) client.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = new URL(storeUrl);
  url.host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  url.search = query;
  const proxy: FlakyProxy = {
    url: url.href,
    silent: false,
    cut: () => {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        proxy.cut();
      }),
  };
  return proxy;
}
