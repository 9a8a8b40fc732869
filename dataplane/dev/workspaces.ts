/** The two workspaces of `chatctl dev`, with keys that stay in its directory: tokens outlive a restart. */
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JWK } from 'jose';
import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import { ChatError } from '../../cells/contract/errors.ts';
import { type UserId, userId, type WorkspaceId } from '../../cells/contract/ids.ts';
import { mintToken } from '../client/token.ts';

export const DEV_RING = 'dev/main';

const WORKSPACES = [
  { name: 'acme', id: 'TACME' as WorkspaceId, displayName: 'Acme' },
  { name: 'globex', id: 'TGLOBEX' as WorkspaceId, displayName: 'Globex' },
] as const;

interface Keys {
  /** Base64 of 32 bytes. */
  sessionKey: string;
  /** Private Ed25519 JWK by the workspace's name. */
  workspaces: Record<string, JWK>;
}

export interface DevWorkspaces {
  entries: WorkspaceEntry[];
  sessionKey: string;
  /** A token of the user with that name. Default: a member's, for 30 days. Rejects for an unknown workspace. */
  token(workspace: string, user: string, options?: { roles?: string[]; days?: number }): Promise<string>;
}

/** Reads the keys in `dir`, or makes them there, readable by the owner only. */
export function devWorkspaces(dir: string, postsPerSecond = 1000): DevWorkspaces {
  const keys = readOrMake(dir);
  return {
    sessionKey: keys.sessionKey,
    entries: WORKSPACES.map(({ name, id, displayName }) => {
      const { kid, x } = keys.workspaces[name]!;
      return {
        id,
        name: `dev/${name}`,
        displayName,
        ring: DEV_RING,
        suspended: false,
        keys: [{ kid: kid!, x: x! }],
        limits: { connections: 10_000, postsPerSecond },
        generation: 1,
      };
    }),
    async token(workspace, user, { roles = ['member'], days = 30 } = {}) {
      const found = WORKSPACES.find(({ name }) => name === workspace);
      if (found === undefined)
        throw new ChatError('config_invalid', { key: 'WORKSPACE_NAME', problem: 'there are acme and globex' });
      const expires = Math.floor(Date.now() / 1000) + days * 86_400;
      const claims = { workspace: found.id, user: devUserId(found.id, user), roles, name: user, expires };
      return mintToken(keys.workspaces[workspace]!, claims);
    },
  };
}

/** One id for a name in a workspace, for good, and the one that `chatctl token` gives the name. */
export function devUserId(workspace: WorkspaceId, name: string): UserId {
  const digest = createHash('sha256').update(`${workspace}/${name.toLowerCase()}`).digest();
  return userId(digest.readBigUInt64BE() >> 2n);
}

function readOrMake(dir: string): Keys {
  const file = join(dir, 'keys.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Keys;
  } catch (e: unknown) {
    if (e instanceof SyntaxError)
      throw new ChatError(
        'config_invalid',
        { key: 'DEV_DIR', problem: `${file} holds no keys; without it new ones are made` },
        e,
      );
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
  }
  const keys: Keys = {
    sessionKey: randomBytes(32).toString('base64'),
    workspaces: Object.fromEntries(WORKSPACES.map(({ name }) => [name, makeKey(name)])),
  };
  mkdirSync(dir, { recursive: true });
  writeFileSync(file, `${JSON.stringify(keys, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
  return keys;
}

function makeKey(name: string): JWK {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { ...(privateKey.export({ format: 'jwk' }) as JWK), kid: `dev-${name}-${randomBytes(4).toString('hex')}` };
}
