/** What a Web API method is, and what its handler gets. */
import type { Clock, Random } from '../../cells/contract/clock.ts';
import type { ControlSource } from '../../cells/contract/control.ts';
import type { TopicId } from '../../cells/contract/ids.ts';
import type { Logger } from '../../cells/contract/process/log.ts';
import type { Identity } from '../auth/identity.ts';
import type { SessionTokens } from '../auth/session-tokens.ts';
import type { TokenVerifier } from '../auth/token-verifier.ts';
import type { Users } from '../auth/users.ts';
import type { Trace } from '../protocol/frames.ts';
import type { Actor, Operation, Operations } from '../protocol/operations.ts';
import type { OwnerClient } from '../protocol/owner-client.ts';
import type { Store, UserRow } from '../storage/store.ts';
import type { Tracer } from '../tracing/tracing.ts';
import { type Arguments, type Parsed, parseArguments } from './arguments.ts';
import type { IdMinter } from './id-minter.ts';

export interface Edge {
  zone: string;
  /** `http(s)://host[:port]`. */
  url: string;
}

/** What every method works with; made once a process. */
export interface ApiServices {
  store: Store;
  owners: OwnerClient;
  control: ControlSource;
  tokens: Pick<TokenVerifier, 'verify'>;
  users: Users;
  sessions: SessionTokens;
  ids: IdMinter;
  clock: Clock;
  random: Random;
  log: Logger;
  tracer: Tracer;
  edges: readonly Edge[];
}

/** One authenticated call. */
export interface ApiContext {
  readonly services: ApiServices;
  readonly identity: Identity;
  readonly me: UserRow;
  readonly actor: Actor;
  /** `http(s)://host[:port]` by which the client came. */
  readonly origin: string;
  readonly trace: Trace | undefined;
  /** Asks the owner of `topic`, on behalf of the caller. */
  call<O extends Operation>(topic: TopicId, op: O, args: Operations[O]['args']): Promise<Operations[O]['result']>;
}

/** The answer's fields beside `ok`. */
export type Result = Record<string, unknown>;

export interface Method {
  doc: string;
  args: Arguments;
  /** Counts against the workspace's `limits.postsPerSecond`. */
  limited: boolean;
  handle(context: ApiContext, raw: Readonly<Record<string, unknown>>): Promise<Result>;
}

/** A method with its arguments typed: the handler gets them parsed. */
export function method<A extends Arguments>(definition: {
  doc: string;
  args: A;
  limited?: boolean;
  handle(context: ApiContext, args: Parsed<A>, raw: Readonly<Record<string, unknown>>): Promise<Result>;
}): Method {
  return {
    doc: definition.doc,
    args: definition.args,
    limited: definition.limited ?? false,
    handle: async (context, raw) => definition.handle(context, parseArguments(definition.args, raw), raw),
  };
}
