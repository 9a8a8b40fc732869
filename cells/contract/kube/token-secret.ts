/** The Secret with a Workspace's signing key: written by the operator, read by chatctl to mint tokens. */
import { isWorkspaceId, type WorkspaceId } from '../ids.ts';

/** A private Ed25519 key as RFC 8037 writes it. */
export interface PrivateJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  /** The public part. */
  x: string;
  /** The private part. */
  d: string;
}

export interface TokenKey {
  workspaceId: WorkspaceId;
  kid: string;
  jwk: PrivateJwk;
}

const SUFFIX = '-token-key';
export const tokenSecretName = (workspace: string): string => workspace + SUFFIX;
/** Empty when a Secret of that name is no Workspace's. */
export const workspacesOfTokenSecret = (secret: string): string[] =>
  secret.endsWith(SUFFIX) ? [secret.slice(0, -SUFFIX.length)] : [];

/** `data` of the Secret. */
export function encodeTokenKey({ workspaceId, kid, jwk }: TokenKey): Record<string, string> {
  const fields = { workspaceId, kid, jwk: JSON.stringify({ ...jwk, kid, alg: 'EdDSA', use: 'sig' }) };
  return Object.fromEntries(Object.entries(fields).map(([k, v]) => [k, Buffer.from(v).toString('base64')]));
}

/** Undefined when the data is not that of a token key. */
export function decodeTokenKey(data: Readonly<Record<string, string>> | undefined): TokenKey | undefined {
  const text = (key: string): string => Buffer.from(data?.[key] ?? '', 'base64').toString();
  const workspaceId = text('workspaceId');
  const kid = text('kid');
  if (!isWorkspaceId(workspaceId) || kid === '') return undefined;
  try {
    const { crv, x, d } = JSON.parse(text('jwk')) as Partial<PrivateJwk>;
    if (crv !== 'Ed25519' || typeof x !== 'string' || typeof d !== 'string') return undefined;
    return { workspaceId, kid, jwk: { kty: 'OKP', crv, x, d } };
  } catch {
    return undefined;
  }
}
