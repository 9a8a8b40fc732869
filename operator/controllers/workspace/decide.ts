/** What is to be done about one Workspace. Pure: ids and keys are minted by who carries it out. */

import { numberOf, type WorkspaceId } from '../../../cells/contract/ids.ts';
import type { TokenKey } from '../../../cells/contract/kube/token-secret.ts';
import { tokenSecretName } from '../../../cells/contract/kube/token-secret.ts';
import { keyspaceId } from '../../../cells/contract/slot.ts';
import { shardContains } from '../../../cells/placement/place.ts';
import { ANNOTATIONS, type Workspace, type WorkspaceStatus } from '../../../crds/index.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';

export interface ObservedWorkspace {
  workspace: Workspace;
  /**
   * The Secret of the workspace: its content, or what is wrong with it. `unlabelled`: it is the Workspace's and has lost
   * the label that it is found by. `former`: it is of a Workspace of the same name that was deleted, and goes with it.
   * `foreign`: somebody else made it, with the name that ours would have.
   */
  secret: 'absent' | 'unlabelled' | 'former' | 'foreign' | 'unreadable' | TokenKey;
  /** Cells of the ring that the workspace names; undefined when there is no such ring. */
  ringCells: readonly string[] | undefined;
  /** Shards of the message keyspace. */
  shards: readonly string[];
}

export type WorkspacePart = {
  [K in 'workspaceId' | 'placement' | 'tokenKeys' | 'tokenSecret']: WorkspaceStatus[K] | undefined;
} & { conditions: NewCondition[] };

export type WorkspaceDecision =
  | { kind: 'ignore' }
  /** Make the Secret: with a new key, and with this id or a new one that lies in the shard. The rest comes after. */
  | { kind: 'mint'; workspaceId: WorkspaceId | undefined; shard: string }
  /** Give the Secret its label back. The rest comes after. */
  | { kind: 'label' }
  | { kind: 'run'; status: WorkspacePart; retryMs: number | undefined };

/** A Secret without our label is not watched: whether it is still there has to be asked. */
const FOREIGN_POLL_MS = 10_000;

/** Old keys stay, so that tokens signed by them stay good until they expire. */
const MAX_KEYS = 4;

export function decideWorkspace(observed: ObservedWorkspace): WorkspaceDecision {
  const { workspace, secret } = observed;
  const { annotations, deletionTimestamp } = workspace.metadata;
  if (annotations?.[ANNOTATIONS.reconcile] === 'disabled' || deletionTimestamp !== undefined) return { kind: 'ignore' };
  if (secret === 'unlabelled') return { kind: 'label' };
  const known = workspace.status?.workspaceId as WorkspaceId | undefined;
  const shard = wantedShard(observed);
  if (secret === 'absent' && known !== undefined) return { kind: 'mint', workspaceId: known, shard: 'auto' };
  if (secret === 'absent' && shard !== undefined) return { kind: 'mint', workspaceId: undefined, shard };
  const id = known ?? (typeof secret === 'object' ? secret.workspaceId : undefined);
  return {
    kind: 'run',
    status: statusOf(observed, id),
    retryMs: secret === 'foreign' ? FOREIGN_POLL_MS : undefined,
  };
}

/** "auto", or the shard as it is named in the keyspace; undefined when the keyspace has none of that range. */
function wantedShard({ workspace, shards }: ObservedWorkspace): string | undefined {
  const wanted = workspace.spec.placement?.shard ?? 'auto';
  return wanted === 'auto' ? wanted : shards.find((s) => whole(s) === whole(wanted));
}

/** An unsharded keyspace is "0" or "-". */
const whole = (shard: string): string => (shard === '0' ? '-' : shard);

function statusOf(observed: ObservedWorkspace, id: WorkspaceId | undefined): WorkspacePart {
  const { workspace, secret, shards } = observed;
  const key = typeof secret === 'object' && secret.workspaceId === id ? secret : undefined;
  const before = workspace.status?.tokenKeys ?? [];
  const fresh = key ? [{ kid: key.kid, x: key.jwk.x }] : [];
  const kept = before.filter((k) => !fresh.some((f) => f.kid === k.kid)).slice(0, MAX_KEYS - fresh.length);
  const lies = id === undefined ? undefined : shards.find((s) => shardContains(s, keyspaceId(numberOf(id))));
  const placed = placedCondition(observed, id, lies);
  return {
    workspaceId: id,
    placement: lies === undefined ? undefined : { keyspace: workspace.spec.placement?.keyspace ?? 'chat', shard: lies },
    tokenKeys: id === undefined ? undefined : [...fresh, ...kept],
    tokenSecret: id === undefined ? undefined : tokenSecretName(workspace.metadata.name),
    conditions: [
      placed,
      ringOutside(observed),
      readyCondition(observed, placed, key !== undefined),
      condition('Moving', false, 'NotMoving', 'The workspace is not being moved.'),
    ],
  };
}

function placedCondition(
  observed: ObservedWorkspace,
  id: WorkspaceId | undefined,
  lies: string | undefined,
): NewCondition {
  const wanted = observed.workspace.spec.placement?.shard ?? 'auto';
  const shard = wantedShard(observed);
  const all = observed.shards.join(', ');
  if (shard === undefined) {
    return condition(
      'Placed',
      false,
      'ShardNotFound',
      `The keyspace has no shard ${wanted}, only ${all}: correct spec.placement.shard.`,
    );
  }
  if (id === undefined)
    return condition('Placed', false, 'NotPlaced', 'The workspace has no id yet: it comes with its Secret.');
  if (lies === undefined)
    return condition('Placed', false, 'NotPlaced', `The workspace lies in none of the shards ${all}.`);
  if (shard !== 'auto' && shard !== lies) {
    return condition(
      'Placed',
      false,
      'LiesElsewhere',
      `It lies in ${lies}, and this version cannot move it to ${wanted}: set spec.placement.shard back.`,
    );
  }
  return condition('Placed', true, 'Placed', `Its rows lie in shard ${lies}.`);
}

function outside({ workspace, ringCells }: ObservedWorkspace): string[] {
  const { cells } = workspace.spec;
  return cells === undefined ? [] : (ringCells ?? []).filter((cell) => !cells.includes(cell));
}

function ringOutside(observed: ObservedWorkspace): NewCondition {
  const cells = outside(observed);
  const { ring } = observed.workspace.spec;
  if (observed.ringCells === undefined)
    return condition('RingOutsideCells', false, 'RingNotFound', `There is no ChannelRing ${ring}.`);
  if (cells.length === 0)
    return condition('RingOutsideCells', false, 'Within', 'The cells of the ring are all allowed.');
  const message = `ChannelRing ${ring} uses ${cells.join(', ')}, which spec.cells does not allow: add them there or name another ring.`;
  return condition('RingOutsideCells', true, 'CellsNotAllowed', message);
}

function readyCondition(observed: ObservedWorkspace, placed: NewCondition, hasKey: boolean): NewCondition {
  const { workspace, ringCells, secret } = observed;
  const no = (reason: string, message: string): NewCondition => condition('Ready', false, reason, message);
  const name = tokenSecretName(workspace.metadata.name);
  if (secret === 'foreign')
    return no(
      'TokenSecretForeign',
      `Secret ${name} was made by somebody else, and the signing key has to have its name: keep it under another one, and delete it.`,
    );
  if (secret === 'former')
    return no(
      'FormerTokenSecret',
      `Secret ${name} is of a Workspace of this name that was deleted, and goes with it: should it stay, delete it.`,
    );
  if (secret === 'unreadable')
    return no(
      'TokenSecretUnreadable',
      `Secret ${name} does not hold a signing key: mend it, or delete it to get a new one.`,
    );
  if (placed.status !== 'True') return no(placed.reason, placed.message);
  if (ringCells === undefined)
    return no('RingNotFound', `There is no ChannelRing ${workspace.spec.ring}: create it, or correct spec.ring.`);
  if (outside(observed).length > 0) return no('RingOutsideCells', ringOutside(observed).message);
  if (!hasKey)
    return no('TokenSecretForeign', `Secret ${name} belongs to another workspace id: delete it to get a new key.`);
  if (workspace.spec.suspended) return no('Suspended', 'spec.suspended is set: tokens are refused.');
  return condition('Ready', true, 'Ready', 'Tokens signed with its key are accepted.');
}
