/**
 * Bearer tokens: JWT, EdDSA, claims `workspace_id`, `user_id`, `roles`, `exp`, optional `name` and `email`; the key is
 * found by `kid` in the Workspace's entry. Whatever is wrong about where a token belongs gets one error,
 * `invalid_auth`, so that nobody learns which workspaces exist.
 */
import { decodeJwt, decodeProtectedHeader, errors, importJWK, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../cells/contract/clock.ts';
import type { ControlSource, WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { isUserId, isWorkspaceId } from '../../cells/contract/ids.ts';
import type { Identity } from './identity.ts';

const MAX_TOKEN_CHARACTERS = 8_192;
const CACHED_KEYS = 10_000;
const CACHED_TOKENS = 20_000;
const ROLES: ReadonlySet<string> = new Set(['owner', 'admin', 'member', 'guest']);

interface Verified {
  /** `x` of the key that verified it: a key that is rotated out takes its tokens with it. */
  x: string;
  expMs: number;
  identity: Omit<Identity, 'entry'>;
}
type ImportedKey = Awaited<ReturnType<typeof importJWK>>;

export class TokenVerifier {
  readonly #control: Pick<ControlSource, 'workspace'>;
  readonly #clock: Clock;
  readonly #keys = new LRUCache<string, Promise<ImportedKey>>({ max: CACHED_KEYS });
  readonly #tokens = new LRUCache<string, Verified>({ max: CACHED_TOKENS });

  constructor(options: { control: Pick<ControlSource, 'workspace'>; clock: Clock }) {
    this.#control = options.control;
    this.#clock = options.clock;
  }

  /** Rejects with `not_authed`, `invalid_auth`, `token_expired` or `team_access_not_granted`. */
  async verify(token: string | undefined): Promise<Identity> {
    if (token === undefined || token === '') throw new ChatError('not_authed');
    if (token.length > MAX_TOKEN_CHARACTERS) throw new ChatError('invalid_auth');
    const known = this.#tokens.get(token);
    const { kid, workspace } =
      known === undefined ? peek(token) : { kid: undefined, workspace: known.identity.workspace };
    const entry = await this.#control.workspace(workspace);
    if (entry === undefined) throw new ChatError('invalid_auth');
    const verified = known ?? (await this.#check(token, kid, entry));
    if (!entry.keys.some((key) => key.x === verified.x)) {
      this.#tokens.delete(token);
      throw new ChatError('invalid_auth');
    }
    if (verified.expMs <= this.#clock.wallMs()) throw new ChatError('token_expired');
    // Only after the signature: a stranger must not learn that the workspace exists.
    if (entry.suspended) throw new ChatError('team_access_not_granted');
    return { ...verified.identity, entry };
  }

  async #check(token: string, kid: string | undefined, entry: WorkspaceEntry): Promise<Verified> {
    const key = entry.keys.find((k) => k.kid === kid);
    if (key === undefined) throw new ChatError('invalid_auth');
    const payload = await this.#signed(token, await this.#import(key.x));
    const verified = { x: key.x, ...readClaims(payload) };
    // The signature was checked against the keys of `entry`, so the claim must name that very workspace.
    if (verified.identity.workspace !== entry.id) throw new ChatError('invalid_auth');
    this.#tokens.set(token, verified);
    return verified;
  }

  async #signed(token: string, key: ImportedKey): Promise<JWTPayload> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['EdDSA'],
        requiredClaims: ['exp', 'workspace_id', 'user_id'],
        currentDate: new Date(this.#clock.wallMs()),
      });
      return payload;
    } catch (e: unknown) {
      throw new ChatError(e instanceof errors.JWTExpired ? 'token_expired' : 'invalid_auth', {}, e);
    }
  }

  async #import(x: string): Promise<ImportedKey> {
    let key = this.#keys.get(x);
    if (key === undefined) {
      key = importJWK({ kty: 'OKP', crv: 'Ed25519', x }, 'EdDSA');
      this.#keys.set(x, key);
    }
    return key.catch((e: unknown) => {
      throw new ChatError('invalid_auth', {}, e);
    });
  }
}

function peek(token: string): { kid: string | undefined; workspace: Identity['workspace'] } {
  try {
    const { kid } = decodeProtectedHeader(token);
    const { workspace_id } = decodeJwt(token);
    if (isWorkspaceId(workspace_id)) return { kid, workspace: workspace_id };
  } catch (e: unknown) {
    throw new ChatError('invalid_auth', {}, e);
  }
  throw new ChatError('invalid_auth');
}

function readClaims(payload: JWTPayload): Pick<Verified, 'expMs' | 'identity'> {
  const { workspace_id, user_id, roles = ['member'], name, email, exp } = payload;
  if (!isWorkspaceId(workspace_id) || !isUserId(user_id) || typeof exp !== 'number' || !isRoles(roles))
    throw new ChatError('invalid_auth');
  return {
    expMs: exp * 1000,
    identity: {
      workspace: workspace_id,
      user: user_id,
      roles,
      ...(typeof name === 'string' && name !== '' ? { name: name.slice(0, 80) } : {}),
      ...(typeof email === 'string' && email !== '' ? { email: email.slice(0, 254) } : {}),
    },
  };
}

const isRoles = (roles: unknown): roles is string[] =>
  Array.isArray(roles) && roles.length > 0 && roles.every((role) => typeof role === 'string' && ROLES.has(role));
