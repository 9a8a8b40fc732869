/** `chatctl token`: a bearer token for development, signed with the workspace's own key. Prints only the token. */
import type { Command } from 'commander';
import { ChatError } from '../../cells/contract/errors.ts';
import type { KubeObject } from '../../cells/contract/kube/objects.ts';
import { decodeTokenKey, tokenSecretName } from '../../cells/contract/kube/token-secret.ts';
import { mintToken } from '../../dataplane/client/token.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../durations.ts';
import { EXIT } from '../exit-codes.ts';
import type { Registrar } from '../program.ts';
import { getResource } from '../resources.ts';
import { resolveUser } from '../user-id.ts';

interface Options {
  workspace: string;
  user: string;
  role: string[];
  name?: string;
  email?: string;
  expires: string;
}

interface Secret extends KubeObject {
  data?: Record<string, string>;
}

const ROLES = ['owner', 'admin', 'member', 'guest'];

export function addTokenCommand({ command, context, done }: Registrar): void {
  command(
    'token',
    'Prints a token of a user, who is made at first use. For development: it needs to read the signing key.',
    [
      'chatctl token --workspace acme --user ada',
      'TOKEN=$(chatctl token -w acme -u ada --role admin)',
      'A user given by name always gets the same id: U + base 36 of 62 bits of SHA-256(workspace id/name).',
    ],
  )
    .requiredOption('-w, --workspace <name>', 'name of the Workspace')
    .requiredOption('-u, --user <name>', 'a name, or an id such as U0M3KQ9XYZ12')
    .option(
      '--role <role>',
      'owner, admin, member or guest; may be repeated',
      (r: string, all: string[]) => [...all, r],
      [],
    )
    .option('--name <text>', 'display name; default: the user given by name')
    .option('--email <address>')
    .option('--expires <duration>', 'time until it expires', '24h')
    .action(async (options: Options, self: Command) => {
      const ctx = context(self);
      const token = await mint(ctx, options);
      ctx.print({ token }, () => `${token}\n`);
      done(EXIT.done);
    });
}

async function mint(context: Context, options: Options): Promise<string> {
  const expiresMs = parseDuration(options.expires);
  if (expiresMs === undefined)
    throw new ChatError('usage', { problem: `--expires ${options.expires}: use 30m, 24h, 7d.` });
  const wrong = options.role.find((role) => !ROLES.includes(role));
  if (wrong !== undefined) throw new ChatError('usage', { problem: `--role ${wrong}: use ${ROLES.join(', ')}.` });
  const { namespace } = context;
  const secretName = tokenSecretName(options.workspace);
  const secret = await context.kube.get<Secret>({ apiVersion: 'v1', kind: 'Secret', namespace, name: secretName });
  const key = decodeTokenKey(secret?.data);
  if (key === undefined) {
    await getResource(context.kube, 'Workspace', namespace, options.workspace); // says so when there is none
    throw new ChatError('not_found', { kind: 'Secret', name: secretName, namespace });
  }
  const user = resolveUser(key.workspaceId, options.user);
  const name = options.name ?? user.name;
  return mintToken(
    { ...key.jwk, kid: key.kid },
    {
      workspace: key.workspaceId,
      user: user.id,
      roles: options.role.length > 0 ? options.role : ['member'],
      ...(name === undefined ? {} : { name }),
      ...(options.email === undefined ? {} : { email: options.email }),
      expires: Math.floor((context.environment.nowMs() + expiresMs) / 1000),
    },
  );
}
