/** chat.*: posts go through the channel's owner, which stores before it answers. */
import { ChatError } from '../../../cells/contract/errors.ts';
import type { TopicId } from '../../../cells/contract/ids.ts';
import { isUserId } from '../../../cells/contract/ids.ts';
import { CLIENT_MSG_ID, LIMITS } from '../../protocol/limits.ts';
import { type Argument, blocks, channel, message, optional, string } from '../arguments.ts';
import { type ApiContext, method, type Result } from '../method.ts';
import { openDm } from '../open-dm.ts';

const clientMessageId: Argument<string | undefined> = optional({
  ...string('Idempotency key (a UUID), unique per channel and sender: a retry returns the first result.'),
  kind: 'UUID',
  problem: 'must be 1–64 letters, digits, ".", "_", ":" or "-"',
  parse: (v) => (typeof v === 'string' && CLIENT_MSG_ID.test(v) ? v : undefined),
});

/** A channel, or a user: the DM with that user is opened, as at Slack. */
const destination = { ...string('Channel id, or a user id for the DM with that user.'), kind: 'channel or user id' };

function checkText(text: string | undefined, blocks: readonly unknown[] | undefined): string {
  if ((text ?? '') === '' && (blocks ?? []).length === 0) throw new ChatError('no_text');
  if ((text ?? '').length > LIMITS.textCharacters) throw new ChatError('msg_too_long');
  return text ?? '';
}

async function channelOf(context: ApiContext, text: string): Promise<TopicId> {
  if (isUserId(text)) return (await openDm(context, [text], { preventCreation: false })).channel.id;
  return channel('').parse(text)!;
}

/** The message as it is stored: what the first attempt of a retried post made. */
async function stored(context: ApiContext, topic: TopicId, ts: string): Promise<Result | undefined> {
  const page = await context.call(topic, 'history', { oldest: ts, latest: ts, inclusive: true, limit: 1 });
  const found = page.messages[0];
  return found === undefined ? undefined : (JSON.parse(found.payload) as Result);
}

export const postMessage = method({
  doc: 'Posts a message. The answer comes once it is stored.',
  limited: true,
  args: {
    channel: destination,
    text: optional(string('Text, at most 40,000 characters. Required without blocks.')),
    blocks: optional(blocks('Block Kit blocks, at most 50; passed through.')),
    thread_ts: optional(message('ts of the message that this answers.')),
    client_msg_id: clientMessageId,
  },
  async handle(context, args) {
    const text = checkText(args.text, args.blocks);
    const topic = await channelOf(context, args.channel);
    const posted = await context.call(topic, 'post', {
      text,
      clientKey: args.client_msg_id ?? `~${context.services.random.hex(16)}`,
      ...(args.blocks === undefined ? {} : { blocks: args.blocks }),
      ...(args.thread_ts === undefined ? {} : { threadTs: args.thread_ts }),
    });
    const { ts, seq } = posted;
    const made = {
      type: 'message',
      user: context.me.id,
      team: context.me.workspace,
      text,
      ts,
      seq,
      ...(args.client_msg_id === undefined ? {} : { client_msg_id: args.client_msg_id }),
      ...(args.blocks === undefined ? {} : { blocks: args.blocks }),
      ...(args.thread_ts === undefined ? {} : { thread_ts: args.thread_ts }),
    };
    const shown = posted.duplicate ? ((await stored(context, topic, ts)) ?? made) : made;
    return { channel: topic, ts, seq, message: shown };
  },
});

export const update = method({
  doc: 'Replaces the text or the blocks of a message of your own; what is not sent stays.',
  limited: true,
  args: {
    channel: channel('Channel id.'),
    ts: message('ts of the message.'),
    text: optional(string('The new text. Required without blocks.')),
    blocks: optional(blocks('The new blocks; an empty list removes them.')),
  },
  async handle(context, args) {
    checkText(args.text, args.blocks);
    const { channel: topic, ts } = args;
    const given = {
      ...(args.text === undefined || args.text === '' ? {} : { text: args.text }),
      ...(args.blocks === undefined ? {} : { blocks: args.blocks }),
    };
    const { seq } = await context.call(topic, 'update', { ts, ...given });
    return { channel: topic, ts, ...given, seq, message: { type: 'message', user: context.me.id, ...given } };
  },
});

export const remove = method({
  doc: 'Deletes a message of your own; an admin may delete any.',
  limited: true,
  args: { channel: channel('Channel id.'), ts: message('ts of the message.') },
  async handle(context, { channel: topic, ts }) {
    const { seq } = await context.call(topic, 'delete', { ts });
    return { channel: topic, ts, seq };
  },
});
