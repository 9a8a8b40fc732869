import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { FrameSplitter, MAX_FRAME_BYTES, PREFIX_BYTES } from './frame-splitter.ts';

function stream(frames: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((f) => {
      const prefix = Buffer.alloc(PREFIX_BYTES);
      prefix.writeUInt32LE(f.length);
      return [prefix, f];
    }),
  );
}

test('frames come out as they went in, however the stream is cut', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 });
  fc.assert(
    fc.property(frames, fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1 }), (sent, cuts) => {
      const bytes = stream(sent);
      const splitter = new FrameSplitter();
      const got: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = cuts[i % cuts.length]!;
        assert.ok(splitter.push(bytes.subarray(at, at + size), (f) => got.push(Buffer.from(f))));
        at += size;
      }
      assert.deepEqual(
        got,
        sent.map((f) => Buffer.from(f)),
      );
    }),
  );
});

test('a length over the limit ends the stream', () => {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32LE(MAX_FRAME_BYTES + 1);
  assert.equal(
    new FrameSplitter().push(prefix, () => assert.fail('no frame')),
    false,
  );
});
