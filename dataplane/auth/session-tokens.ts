/**
 * Tokens that the servers make for themselves: WebSocket tickets (30 s, single use) and resume tokens (24 h,
 * revocable). `<base64url JSON>.<base64url HMAC-SHA256>`, the HMAC over the purpose and the JSON, so that a ticket
 * never passes as a resume token. Every gateway and API server of an installation shares the key.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Clock, Random } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { isUserId, isWorkspaceId } from '../../cells/contract/ids.ts';
import { LIMITS } from '../protocol/limits.ts';
import type { Leases } from '../storage/store.ts';
import type { SessionIdentity } from './identity.ts';

const MIN_KEY_BYTES = 32;
const MAX_TOKEN_CHARACTERS = 2_048;

export interface ResumeClaims extends SessionIdentity {
  session: string;
  issuedMs: number;
}

interface Claims {
  w: string;
  u: string;
  r: string[];
  /** Ticket id or session id. */
  i: string;
  /** Issued and expiry, wall ms. */
  iat: number;
  exp: number;
}
type Purpose = 'ticket' | 'resume';

/**
 * SESSION_KEY's text: base64 of at least 32 bytes. Several separated by commas rotate it: the first signs, all verify.
 * Throws an Error that says what is wrong, for the configuration's message.
 */
export function parseSessionKeys(text: string): Buffer[] {
  const keys = text.split(',').map((part) => Buffer.from(part.trim(), 'base64'));
  if (keys.some((key) => key.length < MIN_KEY_BYTES))
    throw new Error(`needs base64 of at least ${MIN_KEY_BYTES} bytes`);
  return keys;
}

export class SessionTokens {
  readonly #keys: readonly Buffer[];
  readonly #leases: Pick<Leases, 'redeemTicket' | 'sessionsRevokedBefore'>;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    keys: readonly Buffer[];
    leases: Pick<Leases, 'redeemTicket' | 'sessionsRevokedBefore'>;
    clock: Clock;
    random: Random;
  }) {
    if (options.keys.length === 0) throw new TypeError('no session key');
    this.#keys = options.keys;
    this.#leases = options.leases;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** For the `ticket` parameter of `/ws`. */
  issueTicket(identity: SessionIdentity): string {
    return this.#issue('ticket', identity, this.#random.hex(16), LIMITS.ticketMs);
  }

  /** Whether the ticket is ours and not expired, without spending it. */
  ticketLooksValid(ticket: string): boolean {
    return this.#read('ticket', ticket) !== undefined;
  }

  /** Spends the ticket. Rejects with `ticket_invalid` (also when it was spent), or `store_unavailable`. */
  async redeemTicket(ticket: string): Promise<SessionIdentity> {
    const claims = this.#read('ticket', ticket);
    if (claims === undefined) throw new ChatError('ticket_invalid');
    const identity = identityOf(claims);
    if (!(await this.#leases.redeemTicket(identity.workspace, claims.i, claims.exp)))
      throw new ChatError('ticket_invalid');
    return identity;
  }

  issueResume(identity: SessionIdentity, session: string): string {
    return this.#issue('resume', identity, session, LIMITS.resumeTokenMs);
  }

  /** Whether the resume token is ours and not expired; it may have been revoked. */
  resumeLooksValid(token: string): boolean {
    return this.#read('resume', token) !== undefined;
  }

  /** Rejects with `resume_invalid` when it is not ours, expired or revoked, or `store_unavailable`. */
  async verifyResume(token: string): Promise<ResumeClaims> {
    const claims = this.#read('resume', token);
    if (claims === undefined) throw new ChatError('resume_invalid');
    const identity = identityOf(claims);
    const revokedBefore = await this.#leases.sessionsRevokedBefore(identity.workspace, identity.user);
    if (claims.iat < revokedBefore) throw new ChatError('resume_invalid');
    return { ...identity, session: claims.i, issuedMs: claims.iat };
  }

  #issue(purpose: Purpose, identity: SessionIdentity, id: string, lifeMs: number): string {
    const now = this.#clock.wallMs();
    const claims: Claims = {
      w: identity.workspace,
      u: identity.user,
      r: [...identity.roles],
      i: id,
      iat: now,
      exp: now + lifeMs,
    };
    const body = Buffer.from(JSON.stringify(claims)).toString('base64url');
    return `${body}.${sign(this.#keys[0]!, purpose, body).toString('base64url')}`;
  }

  #read(purpose: Purpose, token: string): Claims | undefined {
    if (token.length > MAX_TOKEN_CHARACTERS) return undefined;
    const [body = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0) return undefined;
    const given = Buffer.from(signature, 'base64url');
    if (!this.#keys.some((key) => equal(sign(key, purpose, body), given))) return undefined;
    // Signed by us, so it has our shape.
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
    return claims.exp > this.#clock.wallMs() ? claims : undefined;
  }
}

const sign = (key: Buffer, purpose: Purpose, body: string): Buffer =>
  createHmac('sha256', key).update(`chatcells.${purpose}.v1.${body}`).digest();

const equal = (a: Buffer, b: Buffer): boolean => a.length === b.length && timingSafeEqual(a, b);

function identityOf(claims: Claims): SessionIdentity {
  if (!isWorkspaceId(claims.w) || !isUserId(claims.u)) throw new TypeError('a signed token without its ids');
  return { workspace: claims.w, user: claims.u, roles: claims.r };
}
