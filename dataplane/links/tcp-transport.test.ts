import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import type { Link } from '../protocol/transport.ts';
import { MAX_FRAME_BYTES } from './frame-splitter.ts';
import { TcpTransport } from './tcp-transport.ts';

interface Accepted {
  link: Promise<Link>;
  address: string;
  close(): Promise<void>;
}

async function listen(onFrame: (link: Link, frame: Uint8Array) => void, onClosed = (): void => {}): Promise<Accepted> {
  const accepted = Promise.withResolvers<Link>();
  const listener = await new TcpTransport().listen('127.0.0.1:0', (link) => {
    link.handle({ frame: (frame) => onFrame(link, frame), closed: onClosed });
    accepted.resolve(link);
  });
  return { link: accepted.promise, ...listener };
}

test('frames of every size arrive whole and in order, and answers come back', async () => {
  const server = await listen((link, frame) => link.send(Buffer.from(frame)));
  const link = await new TcpTransport().connect(server.address);
  const sizes = [0, 1, 3, 64, 70_000, 5, 2_000_000, 17];
  const got: number[] = [];
  const all = Promise.withResolvers<void>();
  link.handle({
    frame: (frame) => {
      assert.ok(frame.every((b) => b === frame.length % 251));
      if (got.push(frame.length) === sizes.length) all.resolve();
    },
    closed: () => {},
  });
  for (const size of sizes) link.send(Buffer.alloc(size, size % 251));
  await all.promise;
  assert.deepEqual(got, sizes);
  link.close();
  await server.close();
});

test('a length over the limit closes the link and nothing else', async () => {
  const closed = Promise.withResolvers<void>();
  const server = await listen(() => assert.fail('no frame'), closed.resolve);
  const { hostname, port } = new URL(`tcp://${server.address}`);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32LE(MAX_FRAME_BYTES + 1);
  socket.write(prefix);
  await closed.promise;
  const link = await new TcpTransport().connect(server.address);
  link.close();
  socket.destroy();
  await server.close();
});

test('both ends hear once that a link is closed; sending on it is harmless', async () => {
  let heard = 0;
  const both = Promise.withResolvers<void>();
  const count = (): void => {
    if (++heard === 2) both.resolve();
  };
  const server = await listen(() => {}, count);
  const link = await new TcpTransport().connect(server.address);
  link.handle({ frame: () => {}, closed: count });
  await server.link;
  link.close();
  link.close();
  await both.promise;
  link.send(Buffer.from('late'));
  (await server.link).send(Buffer.from('late'));
  await server.close();
  assert.equal(heard, 2);
});

test('what cannot be reached is link_lost', async () => {
  const server = await listen(() => {});
  await server.close();
  await assert.rejects(new TcpTransport().connect(server.address), { code: 'link_lost' });
});
