/** Just-in-time users: a valid token's unknown user is made from its claims, and announced once. */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../cells/contract/clock.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { OwnerClient } from '../protocol/owner-client.ts';
import type { Directory, UserRow } from '../storage/store.ts';
import type { Identity } from './identity.ts';

const CACHED_USERS = 50_000;
/** Short enough that a deactivated user is refused within 5 s. */
const FRESH_MS = 3_000;

/** Slack's user object, as far as we have it. */
export interface SlackUser {
  id: string;
  team_id: string;
  name: string;
  real_name: string;
  deleted: boolean;
  is_admin: boolean;
  is_owner: boolean;
  is_restricted: boolean;
  is_bot: boolean;
  profile: { real_name: string; display_name: string; email?: string };
}

export function slackUser(row: UserRow): SlackUser {
  return {
    id: row.id,
    team_id: row.workspace,
    name: row.name,
    real_name: row.name,
    deleted: row.deleted,
    is_admin: row.roles.includes('admin') || row.roles.includes('owner'),
    is_owner: row.roles.includes('owner'),
    is_restricted: row.roles.includes('guest'),
    is_bot: false,
    profile: {
      real_name: row.name,
      display_name: row.name,
      ...(row.email === undefined ? {} : { email: row.email }),
    },
  };
}

export class Users {
  readonly #directory: Pick<Directory, 'provisionUser'>;
  readonly #owners: Pick<OwnerClient, 'call'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Key: workspace and user. A promise, so that a burst of one user's requests asks the store once. */
  readonly #known = new LRUCache<string, { atMs: number; row: Promise<UserRow> }>({ max: CACHED_USERS });

  constructor(options: {
    directory: Pick<Directory, 'provisionUser'>;
    owners: Pick<OwnerClient, 'call'>;
    clock: Clock;
    log: Logger;
  }) {
    this.#directory = options.directory;
    this.#owners = options.owners;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** The user's row, made on first sight. Rejects with `account_inactive`, `invalid_auth` or `store_unavailable`. */
  async ensure(identity: Identity): Promise<UserRow> {
    const row = await this.#row(identity);
    if (row.deleted) throw new ChatError('account_inactive');
    return row;
  }

  #row(identity: Identity): Promise<UserRow> {
    const key = `${identity.workspace}/${identity.user}`;
    const now = this.#clock.monotonicMs();
    const known = this.#known.get(key);
    if (known !== undefined && now - known.atMs < FRESH_MS) return known.row;
    const row = this.#provision(identity);
    this.#known.set(key, { atMs: now, row });
    row.catch(() => {
      if (this.#known.peek(key)?.row === row) this.#known.delete(key);
    });
    return row;
  }

  async #provision(identity: Identity): Promise<UserRow> {
    const provisioned = await this.#directory.provisionUser({
      id: identity.user,
      workspace: identity.workspace,
      name: identity.name ?? identity.user.toLowerCase(),
      email: identity.email,
      roles: [...identity.roles],
      deleted: false,
    });
    // An id belongs to one workspace for good: another workspace's token may not take it over.
    if (provisioned === undefined) throw new ChatError('invalid_auth');
    const { user, created } = provisioned;
    if (created) this.#announce(identity, user);
    return user;
  }

  /** Not waited for: the user need not wait until its workspace has heard of it. */
  #announce(identity: Identity, user: UserRow): void {
    this.#owners
      .call({
        ring: identity.entry.ring,
        topic: identity.workspace,
        op: 'publish',
        args: {
          type: 'team_join',
          event: { type: 'team_join', user: slackUser(user) },
          clientKey: `team_join:${user.id}`,
        },
        actor: { workspace: identity.workspace, user: undefined, roles: [] },
      })
      .catch((err: unknown) => this.#log.warn({ err, user: user.id }, 'team_join was not announced'));
  }
}
