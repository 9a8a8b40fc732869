/** Every method of the Web API, by its name. `docs/web-api.md` is generated from it. */
import type { Method } from './method.ts';
import * as chat from './methods/chat.ts';
import * as conversations from './methods/conversations.ts';
import { history } from './methods/history.ts';
import * as membership from './methods/membership.ts';
import { authTest, rtmConnect } from './methods/session.ts';
import * as users from './methods/users.ts';

/** `api.test` needs no token and is answered before any of these. */
export const METHODS: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['auth.test', authTest],
  ['rtm.connect', rtmConnect],
  ['chat.postMessage', chat.postMessage],
  ['chat.update', chat.update],
  ['chat.delete', chat.remove],
  ['conversations.create', conversations.create],
  ['conversations.list', conversations.listMethod],
  ['conversations.info', conversations.info],
  ['conversations.members', conversations.members],
  ['conversations.open', conversations.open],
  ['conversations.history', history],
  ['conversations.join', membership.join],
  ['conversations.leave', membership.leave],
  ['conversations.invite', membership.invite],
  ['conversations.kick', membership.kick],
  ['users.list', users.list],
  ['users.info', users.info],
]);
