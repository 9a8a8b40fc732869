/** Encoding of Envoy's resources, and the parts that several of them share. */
import { Codecs } from '../../contract/ads/codec.ts';
import { DESCRIPTORS } from '../descriptors.generated.ts';

const codecs = new Codecs(DESCRIPTORS);

/** A message as a plain object in the proto's own field names; encoding refuses unknown ones. */
export type Message = Record<string, unknown>;

export const encodeMessage = (name: string, message: Message): Buffer => codecs.codec<Message>(name).encode(message);
export const decodeMessage = (name: string, bytes: Uint8Array): Message => codecs.codec<Message>(name).decode(bytes);

/** For people, of a resource's type URL; see Codec.toJson. */
export const describeMessage = (typeUrl: string, bytes: Uint8Array): unknown =>
  codecs.codec(typeUrl.slice(typeUrl.lastIndexOf('/') + 1)).toJson(bytes);

export const any = (name: string, message: Message): Message => ({
  type_url: `type.googleapis.com/${name}`,
  value: encodeMessage(name, message),
});

export const seconds = (n: number): Message => ({ seconds: Math.trunc(n), nanos: Math.round((n % 1) * 1e9) });
export const uint = (value: number): Message => ({ value });
export const ADS: Message = { ads: {}, resource_api_version: 'V3' };
