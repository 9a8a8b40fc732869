import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { topicId } from '../../cells/contract/ids.ts';
import { bodyOf, decodeHeader, encodeFrame, HEADER_BYTES, type Header, KIND, type Trace } from './frames.ts';

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const hex = (digits: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: digits, maxLength: digits })
    .filter((text) => /[^0]/.test(text));
const plain = { noNullPrototype: true };
const trace: fc.Arbitrary<Trace> = fc.record(
  { traceId: hex(32), spanId: hex(16), flags: fc.integer({ min: 0, max: 255 }) },
  plain,
);
const header: fc.Arbitrary<Header> = fc.record(
  {
    kind: fc.constantFrom(...Object.values(KIND)),
    slot: fc.integer({ min: 0, max: 16_383 }),
    requestId: u32,
    epoch: u32,
    flags: u32,
    topic: fc.option(
      fc
        .tuple(fc.constantFrom('C' as const, 'D' as const, 'U' as const, 'T' as const), fc.bigInt(0n, (1n << 63n) - 1n))
        .map(([kind, n]) => topicId(kind, n)),
      { nil: undefined },
    ),
    seq: fc.maxSafeNat(),
    trace: fc.option(trace, { nil: undefined }),
  },
  plain,
);

test('property: a header and its body come back as they were, body as text or as bytes', () => {
  fc.assert(
    fc.property(header, fc.string({ unit: 'grapheme' }), fc.boolean(), (sent, text, asBytes) => {
      const body = text.toWellFormed();
      const frame = encodeFrame(sent, asBytes ? Buffer.from(body) : body);
      assert.deepEqual(decodeHeader(frame), sent);
      assert.equal(bodyOf(frame).toString(), body);
    }),
  );
});

test('unset fields and unused bytes are zero, whatever the memory held before', () => {
  const spoilt = Buffer.allocUnsafe(4_096).fill(0xff); // the pool that small frames are taken from
  assert.ok(spoilt.length > 0);
  for (let i = 0; i < 200; i++) {
    Buffer.allocUnsafe(100).fill(0xff);
    const frame = encodeFrame({ kind: KIND.ping });
    assert.deepEqual([...frame.subarray(2, HEADER_BYTES)], new Array(HEADER_BYTES - 2).fill(0));
  }
});

test('what is no frame of this version has no header', () => {
  assert.equal(decodeHeader(Buffer.alloc(HEADER_BYTES - 1, 1)), undefined);
  assert.equal(decodeHeader(Buffer.alloc(HEADER_BYTES, 9)), undefined);
});
