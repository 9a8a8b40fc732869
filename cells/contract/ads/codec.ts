/**
 * Protobuf messages from generated descriptors (cells/xds/generate-descriptors.ts), without parsing `.proto` files at
 * start. Field names are snake_case as in the proto files, enums are their names, 64-bit numbers are JS numbers.
 */
import protobuf from 'protobufjs/light.js';

export interface Codec<T> {
  readonly typeUrl: string;
  /** Throws a TypeError on a field that the message does not have: a misspelt one would vanish silently. */
  encode(message: T): Buffer;
  /** Without looking for unknown fields or converting any: for messages of strings and bytes whose type says all. */
  encodeTyped(message: T): Buffer;
  /** Absent scalars have their default, absent lists are empty, absent messages are missing. Throws on malformed bytes. */
  decode(bytes: Uint8Array): T;
  /** For people: what is set alone, an Any of a known type opened under `@type`, other bytes as base64. */
  toJson(bytes: Uint8Array): Readonly<Record<string, unknown>>;
}

export class Codecs {
  readonly #root: protobuf.Root;
  readonly #made = new Map<string, Codec<unknown>>();

  constructor(descriptors: string) {
    this.#root = protobuf.Root.fromJSON(JSON.parse(descriptors) as protobuf.INamespace);
    this.#root.resolveAll();
  }

  /** `name` is the full name of the message, such as `envoy.config.cluster.v3.Cluster`. */
  codec<T>(name: string): Codec<T> {
    const codec = this.#made.get(name) ?? makeCodec(this.#root.lookupType(name), name);
    this.#made.set(name, codec);
    return codec as Codec<T>;
  }
}

const TO_OBJECT: protobuf.IConversionOptions = {
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: true,
};

const TO_JSON: protobuf.IConversionOptions = { longs: Number, enums: String, bytes: String, json: true };

function makeCodec(type: protobuf.Type, name: string): Codec<unknown> {
  return {
    typeUrl: `type.googleapis.com/${name}`,
    encode(message) {
      assertKnownFields(type, message, name);
      return Buffer.from(type.encode(type.fromObject(message as { [k: string]: unknown })).finish());
    },
    encodeTyped: (message) => type.encode(message as { [k: string]: unknown }).finish() as Buffer,
    decode: (bytes) => withoutNulls(type.toObject(type.decode(bytes), TO_OBJECT)),
    toJson: (bytes) => type.toObject(type.decode(bytes), TO_JSON),
  };
}

/** protobufjs gives null for an absent message: drop it, so that `?.` and optional types mean the same. */
function withoutNulls(object: { [k: string]: unknown }): unknown {
  for (const key in object) {
    const value = object[key];
    if (value === null) delete object[key];
    else if (Array.isArray(value)) for (const item of value) dive(item);
    else dive(value);
  }
  return object;
}
function dive(value: unknown): void {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value))
    withoutNulls(value as { [k: string]: unknown });
}

function assertKnownFields(type: protobuf.Type, value: unknown, path: string): void {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${path} is not an object`);
  for (const key in value) {
    const child = (value as Record<string, unknown>)[key];
    const field = type.fields[key];
    if (field === undefined) throw new TypeError(`${path} has no field ${key}`);
    const target = field.resolvedType;
    if (!(target instanceof protobuf.Type) || child === undefined) continue;
    const children: unknown[] = field.repeated || field.map ? Object.values(child as object) : [child];
    for (const item of children) assertKnownFields(target, item, `${path}.${key}`);
  }
}
