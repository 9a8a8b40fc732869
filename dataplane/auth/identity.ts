import type { WorkspaceEntry } from '../../cells/contract/control.ts';
import type { UserId, WorkspaceId } from '../../cells/contract/ids.ts';
import type { Actor } from '../protocol/operations.ts';

/** Who a verified token, ticket or resume token speaks for. */
export interface SessionIdentity {
  workspace: WorkspaceId;
  user: UserId;
  /** Of `owner`, `admin`, `member`, `guest`. */
  roles: readonly string[];
}

/** What a bearer token says, with the workspace as the control plane has it now. */
export interface Identity extends SessionIdentity {
  name?: string;
  email?: string;
  entry: WorkspaceEntry;
}

export const actorOf = (identity: SessionIdentity): Actor => ({
  workspace: identity.workspace,
  user: identity.user,
  roles: identity.roles,
});
