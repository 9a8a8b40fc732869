/** Makes a named channel: the name is reserved in the workspace first, then the owner makes the channel. */
import { ChatError } from '../../cells/contract/errors.ts';
import { topicId } from '../../cells/contract/ids.ts';
import type { ChannelRow } from '../storage/store.ts';
import type { ApiContext } from './method.ts';

/**
 * A reservation whose maker died before the channel was made is finished by the next who wants the name, under the id
 * reserved; the owner lets exactly one creator win. Rejects with `name_taken`.
 */
export async function createChannel(context: ApiContext, name: string, isPrivate: boolean): Promise<ChannelRow> {
  const { services, me } = context;
  const { directory, log } = services.store;
  const fresh = topicId('C', services.ids.next());
  const id = await directory.reserveName(me.workspace, name, fresh);
  if (id !== fresh && (await log.channel(me.workspace, id)) !== undefined) throw new ChatError('name_taken');
  const channel: ChannelRow = {
    id,
    workspace: me.workspace,
    name,
    isPrivate,
    isArchived: false,
    creator: me.id,
    created: Math.floor(services.clock.wallMs() / 1000),
  };
  const { created } = await context.call(id, 'create', { channel, members: [] });
  if (created) return channel;
  // Ours, made by an attempt whose answer was lost, or another's who was quicker?
  const made = await log.channel(me.workspace, id);
  if (made === undefined || made.creator !== me.id || made.isPrivate !== isPrivate) throw new ChatError('name_taken');
  return made;
}
