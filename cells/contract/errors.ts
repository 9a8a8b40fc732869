/**
 * The one table of errors. `docs/errors.md` is generated from it. Codes that clients see are Slack's where Slack has
 * one. Never match on a message: match on `code`.
 */

interface ErrorRow {
  /** What happened. `{name}` is filled from the details. */
  message: string;
  /** What to do about it. */
  hint: string;
  /** Whether the same request may succeed later without a change. */
  retryable: boolean;
  /** HTTP status of the Web API; 200 for what Slack answers with `ok:false`. */
  http?: number;
}

const row = (message: string, hint: string, options: { retryable?: boolean; http?: number } = {}): ErrorRow => ({
  message,
  hint,
  retryable: options.retryable ?? false,
  ...(options.http === undefined ? {} : { http: options.http }),
});
const retry = { retryable: true, http: 503 };

export const ERRORS = {
  // authentication
  not_authed: row('No token was sent.', 'Send `Authorization: Bearer <token>`.'),
  invalid_auth: row('The token is not valid.', 'Get a new token of this workspace; check the clock and the key id.'),
  token_expired: row('The token has expired.', 'Get a new token.'),
  account_inactive: row('The user is deactivated.', 'Ask an admin of the workspace.'),
  team_access_not_granted: row(
    'The workspace is suspended.',
    'Ask the platform team: spec.suspended of the Workspace.',
  ),
  ticket_invalid: row(
    'The WebSocket ticket is not valid, expired or used before.',
    'Call rtm.connect again: a ticket lives 30 s and works once.',
  ),
  resume_invalid: row('The resume token is not valid or expired.', 'Call rtm.connect and read the history.'),
  // arguments
  unknown_method: row('There is no method {method}.', 'See docs/web-api.md for the methods.'),
  invalid_arguments: row('Argument {argument}: {problem}.', 'See docs/web-api.md for the method.'),
  invalid_json: row('The body is not valid JSON.', 'Send a JSON object, or form-encoded fields.'),
  invalid_cursor: row('The cursor is not one of ours.', 'Use next_cursor of the answer before, as it is.'),
  invalid_ts_latest: row('latest is not a timestamp.', 'Use "<seconds>.<6 digits>".'),
  invalid_ts_oldest: row('oldest is not a timestamp.', 'Use "<seconds>.<6 digits>".'),
  invalid_limit: row('limit is not a whole number of at least 1.', 'Send a page size such as 100.'),
  invalid_types: row('types names an unknown kind of channel.', 'Use public_channel, private_channel, mpim and im.'),
  invalid_post_type: row('The content type is not supported.', 'Send JSON or application/x-www-form-urlencoded.'),
  invalid_form_data: row('The form fields cannot be read.', 'Send application/x-www-form-urlencoded.'),
  json_not_object: row('The JSON body is not an object.', 'Send {"argument": value, …}.'),
  request_too_large: row('The body is larger than {limitBytes} bytes.', 'Send less in one request.', { http: 413 }),
  no_text: row('The message has no text.', 'Send text.'),
  msg_too_long: row('The text is longer than 40,000 characters.', 'Send it in parts.'),
  invalid_blocks_format: row('blocks is not a JSON array of objects.', 'Send Block Kit blocks.'),
  invalid_blocks: row('The message has more than 50 blocks.', 'Send it in parts.'),
  msg_blocks_too_long: row('The blocks are longer than 100,000 characters of JSON.', 'Send them in parts.'),
  // things and permissions
  channel_not_found: row(
    'There is no such channel, or it is not yours to see.',
    'Check the id with conversations.list.',
  ),
  user_not_found: row('There is no such user.', 'Check the id with users.list.'),
  user_disabled: row('The user is deactivated.', 'Choose another user.'),
  users_list_not_supplied: row('Neither users nor channel was sent.', 'Send users.'),
  not_enough_users: row('The list of users is empty.', 'Send at least one user id.'),
  too_many_users: row('A group DM holds at most {max} others.', 'Make a private channel instead.'),
  message_not_found: row('There is no such message in the channel.', 'Check channel and ts.'),
  not_in_channel: row('You are not a member of the channel.', 'Join it with conversations.join, or ask to be invited.'),
  already_in_channel: row('The user is a member already.', 'Nothing is to be done.'),
  cant_kick_self: row('You cannot kick yourself.', 'Use conversations.leave.'),
  cant_invite_self: row('You cannot invite yourself.', 'Use conversations.join.'),
  restricted_action: row('Your role does not allow this.', 'Ask an admin of the workspace.'),
  cant_update_message: row('You may edit only your own messages.', 'Ask its author.'),
  cant_delete_message: row('You may delete only your own messages.', 'Ask its author, or an admin.'),
  method_not_supported_for_channel_type: row(
    'The method does not work on this kind of channel.',
    'DMs have no members to change.',
  ),
  is_archived: row('The channel is archived.', 'Unarchive it first.'),
  name_taken: row('A channel has that name.', 'Choose another name.'),
  invalid_name: row('The name is not valid.', 'Use 1–80 lower-case letters, digits, - and _.'),
  invalid_name_required: row('The name is empty.', 'Use 1–80 lower-case letters, digits, - and _.'),
  invalid_name_maxlength: row('The name is longer than {max} characters.', 'Choose a shorter name.'),
  invalid_name_punctuation: row('The name has no letter and no digit.', 'Use at least one.'),
  invalid_name_specials: row(
    'The name has characters that are not allowed.',
    'Use lower-case letters, digits, - and _.',
  ),
  // limits
  ratelimited: row('Too many requests.', 'Wait for the seconds of Retry-After.', { retryable: true, http: 429 }),
  rate_limited_socket: row('More than 20 posts a second on one connection.', 'Slow down.', { retryable: true }),
  bad_frame: row('The frame is not a JSON object of a known type.', 'See docs/client-protocol.md.'),
  frame_too_large: row('The frame is larger than 64 KiB.', 'Send it in parts.'),
  // faults of ours: retryable, and the client does
  internal_error: row('The server failed.', 'Try again; if it stays, see the log by its request id.', {
    retryable: true,
    http: 500,
  }),
  service_unavailable: row('The server cannot do this now.', 'Try again.', retry),
  store_unavailable: row('The store did not answer.', 'See docs/runbooks/ChatcellsStoreFails.md.', retry),
  store_conflict: row('Another writer was first.', 'Read again and try again.', retry),
  fenced: row('Slots {slots} belong to a newer owner.', 'Nothing is to be done: the new owner serves them.', retry),
  moved: row('The slot is owned by another channel server.', 'Ask the owner named in the answer.', retry),
  not_ready: row('The slot is being taken over.', 'Try again.', retry),
  link_lost: row('The link to {address} was lost.', 'Try again.', retry),
  deadline_exceeded: row(
    'No answer came in {ms} ms.',
    'Try again: with the same client_msg_id nothing is posted twice.',
    retry,
  ),
  overloaded: row('The queue to the peer is full.', 'Try again later.', retry),
  clock_skew: row(
    'The clock is {skewMs} ms off the store’s.',
    'Mend time synchronisation of the node: above 10 s the server owns nothing.',
  ),
  ring_table_format: row('The ring table has format {found}; this version knows {known}.', 'Upgrade this process.'),
  schema_too_new: row(
    'The store has schema {found}; this version knows {known}.',
    'Upgrade this process: a later version has changed the store in a way that this one cannot work with.',
  ),
  config_invalid: row('Configuration {key}: {problem}.', 'See the reference of the role: `chatcells <role> --help`.'),
  // control plane
  snapshot_inconsistent: row(
    'In the snapshot {neededBy} needs {missing}, which is not there.',
    'A bug: the last good one is kept.',
  ),
  weights_sum_to_zero: row(
    'The weights of {edge} sum to 0.',
    'At least one cell must take traffic: the last good weights are kept.',
  ),
  xds_request: row('The xDS request is not valid: {problem}.', 'Check the bootstrap of the node.'),
  capacity_blocked: row(
    'The other cells have no room: {need} sockets more, {room} free.',
    'Add capacity or drain with --force.',
  ),
  // Kubernetes
  kube_refused: row(
    'The API server refused {method} {path}: {status} {reason}: {message}',
    'See the message; a 403 is a missing rule of the Role.',
  ),
  // chatctl
  not_found: row(
    '{kind} {name} was not found in namespace {namespace}.',
    'List what there is: `chatctl get cells`, rings, workspaces or practicedrains.',
  ),
  not_installed: row(
    'The cluster knows no {kind}: Chatcells is not installed in it.',
    'Check KUBECONFIG, or install it: helm install chatcells charts/chatcells -n chatcells --create-namespace; see README.md.',
  ),
  cluster_unreachable: row(
    'The API server did not answer: {problem}.',
    'Check KUBECONFIG, or start one with `chatctl cluster up`.',
    { retryable: true },
  ),
  usage: row('{problem}', 'See --help.'),
  timed_out: row('Not done after {seconds} s; the work goes on.', 'Watch it with the same command and --wait.', {
    retryable: true,
  }),
  refused: row('{problem}', 'What stands in the way is said above; where a flag goes past it, --help names the flag.'),
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;
export type ErrorDetails = Record<string, unknown>;

export class ChatError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, details: ErrorDetails = {}, cause?: unknown) {
    super(
      ERRORS[code].message.replace(/\{(\w+)\}/g, (_, name: string) => String(details[name] ?? '?')),
      cause === undefined ? undefined : { cause },
    );
    this.name = 'ChatError';
    this.code = code;
    this.details = details;
  }

  get hint(): string {
    return ERRORS[this.code].hint;
  }
  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }
  get httpStatus(): number {
    return (ERRORS[this.code] as ErrorRow).http ?? 200;
  }

  /** Any thrown value as a ChatError; what is none becomes `internal_error` with it as cause. */
  static from(e: unknown): ChatError {
    return e instanceof ChatError ? e : new ChatError('internal_error', {}, e);
  }
}

export const isErrorCode = (s: string): s is ErrorCode => Object.hasOwn(ERRORS, s);
export const hasCode = (e: unknown, code: ErrorCode): e is ChatError => e instanceof ChatError && e.code === code;

export function assertNever(value: never): never {
  throw new TypeError(`unexpected ${JSON.stringify(value)}`);
}
