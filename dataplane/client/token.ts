/** Mints bearer tokens: for `chatctl token`, development and tests. Production tokens come from your own issuer. */
import { importJWK, type JWK, SignJWT } from 'jose';

export interface TokenClaims {
  /** `T…` */
  workspace: string;
  /** `U…` */
  user: string;
  /** Of `owner`, `admin`, `member`, `guest`. Default: member. */
  roles?: readonly string[];
  name?: string;
  email?: string;
  /** Unix seconds. */
  expires: number;
}

/** `privateJwk`: an Ed25519 OKP JWK with `d` and `kid`; `kid` is how servers find the public key. */
export async function mintToken(privateJwk: JWK, claims: TokenClaims): Promise<string> {
  const { kid } = privateJwk;
  if (kid === undefined) throw new TypeError('the key has no kid');
  const payload = {
    workspace_id: claims.workspace,
    user_id: claims.user,
    roles: [...(claims.roles ?? ['member'])],
    ...(claims.name === undefined ? {} : { name: claims.name }),
    ...(claims.email === undefined ? {} : { email: claims.email }),
  };
  return new SignJWT(payload)
    .setProtectedHeader({ alg: 'EdDSA', typ: 'JWT', kid })
    .setExpirationTime(claims.expires)
    .sign(await importJWK(privateJwk, 'EdDSA'));
}
