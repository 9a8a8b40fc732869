/** users.*: the people of the caller's workspace. */
import { ChatError } from '../../../cells/contract/errors.ts';
import { isUserId } from '../../../cells/contract/ids.ts';
import { optional, pageSize, string, user } from '../arguments.ts';
import { decodeCursor, encodeCursor, nextCursor } from '../cursor.ts';
import { method } from '../method.ts';
import { userShape } from '../shapes.ts';

export const list = method({
  doc: 'Lists the users of the workspace, deactivated ones included.',
  args: { limit: pageSize(1000, 100), cursor: optional(string('next_cursor of the page before.')) },
  async handle(context, { limit, cursor }) {
    const after = cursor === undefined ? undefined : decodeCursor('user', cursor, (v) => (isUserId(v) ? v : undefined));
    const { store, clock } = context.services;
    // One more than the page: whether there is a next one.
    const rows = await store.directory.listUsers(context.me.workspace, {
      limit: limit + 1,
      ...(after === undefined ? {} : { after }),
    });
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      members: page.map(userShape),
      cache_ts: Math.floor(clock.wallMs() / 1000),
      ...nextCursor(rows.length > page.length && last !== undefined ? encodeCursor('user', last.id) : ''),
    };
  },
});

export const info = method({
  doc: 'Describes one user.',
  args: { user: user('User id.') },
  async handle(context, args) {
    const rows = await context.services.store.directory.users(context.me.workspace, [args.user]);
    const row = rows.get(args.user);
    if (row === undefined) throw new ChatError('user_not_found');
    return { user: userShape(row) };
  },
});
