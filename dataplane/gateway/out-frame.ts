/**
 * One text frame to clients. Frames from a server are not masked, so the bytes are the same for every socket: they are
 * made once, on first use, and shared by all who write them.
 */
export class OutFrame {
  readonly json: Buffer;
  #wire: Buffer | undefined;

  constructor(json: Buffer) {
    this.json = json;
  }

  static of(value: unknown): OutFrame {
    return new OutFrame(Buffer.from(JSON.stringify(value)));
  }

  /** The whole WebSocket frame. Must not be changed: others write it too. */
  get wire(): Buffer {
    this.#wire ??= encodeTextFrame(this.json);
    return this.#wire;
  }
}

const FIN_TEXT = 0x81;

/** RFC 6455 section 5.2: final, text, unmasked. */
export function encodeTextFrame(payload: Uint8Array): Buffer {
  const n = payload.length;
  const head = n < 126 ? 2 : n < 65_536 ? 4 : 10;
  const out = Buffer.allocUnsafe(head + n);
  out[0] = FIN_TEXT;
  if (head === 2) out[1] = n;
  else if (head === 4) {
    out[1] = 126;
    out.writeUInt16BE(n, 2);
  } else {
    out[1] = 127;
    out.writeBigUInt64BE(BigInt(n), 2);
  }
  out.set(payload, head);
  return out;
}
