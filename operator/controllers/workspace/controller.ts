/**
 * Workspace → id, placement and token keys. The id and the key are minted once, into the Secret, whose creation only one
 * can win; the status follows it. So a lost status, or two operators at once, never lead to a second id.
 *
 * Needs (namespaced): chatcells.dev workspaces: get list watch, workspaces/status: patch, channelrings: get list watch;
 * core secrets: create get list patch watch; events.k8s.io events: create patch.
 */
import { generateKeyPairSync } from 'node:crypto';
import { type WorkspaceId, workspaceId } from '../../../cells/contract/ids.ts';
import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import {
  decodeTokenKey,
  encodeTokenKey,
  type PrivateJwk,
  type TokenKey,
  tokenSecretName,
  workspacesOfTokenSecret,
} from '../../../cells/contract/kube/token-secret.ts';
import { mintPlaced } from '../../../cells/placement/place.ts';
import { LABELS, type Workspace } from '../../../crds/index.ts';
import { stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { ownedBy } from '../../runtime/owned.ts';
import { API, MANAGED_BY, type Secret, type World } from '../../world.ts';
import { ownerOf } from '../cell/names.ts';
import { decideWorkspace, type ObservedWorkspace, type WorkspaceDecision, type WorkspacePart } from './decide.ts';

const MANAGER = 'chatcells-workspace';

export interface WorkspaceDeps {
  client: KubeClient;
  world: World;
  events: EventRecorder;
  nowMs: () => number;
  /** The next Snowflake of the operator. */
  nextId: () => bigint;
  randomHex: (bytes: number) => string;
  shards: readonly string[];
}

export function workspaceController(deps: WorkspaceDeps): ControllerSpec {
  const { world } = deps;
  return {
    name: 'workspace',
    workers: 4,
    reconcile: (key) => reconcile(deps, key),
    triggers: [
      { resource: 'Workspace', keysOf: (key) => [key] },
      { resource: 'ChannelRing', keysOf: (key) => workspacesOfRing(world, key) },
      { resource: 'Secret', keysOf: workspacesOfTokenSecret },
    ],
  };
}

const workspacesOfRing = (world: World, ring: string): string[] =>
  [...world.workspaces].filter(([, w]) => `${w.metadata.namespace}/${w.spec.ring}` === ring).map(([key]) => key);

async function gather(deps: WorkspaceDeps, key: string): Promise<ObservedWorkspace | undefined> {
  const { world, shards } = deps;
  const workspace = world.workspaces.get(key);
  if (!workspace) return undefined;
  const { name, namespace } = workspace.metadata;
  const watched = world.secrets.get(`${namespace}/${tokenSecretName(name)}`);
  const ring = world.rings.get(`${namespace}/${workspace.spec.ring}`);
  return {
    workspace,
    secret: watched ? contentOf(watched, workspace) : await unseenSecret(deps, workspace),
    ringCells: ring?.metadata.deletionTimestamp === undefined ? ring?.spec.cells : undefined,
    shards,
  };
}

/** One without any owner, as from a backup, is taken with the id that it has. */
function contentOf({ data, metadata }: Secret, workspace: Workspace): TokenKey | 'unreadable' | 'former' {
  const owners = (metadata.ownerReferences ?? []).filter((owner) => owner.kind === 'Workspace');
  if (owners.length > 0 && owners.every((owner) => owner.uid !== workspace.metadata.uid)) return 'former';
  return decodeTokenKey(data) ?? 'unreadable';
}

/** What has the name of the Secret and is not seen: without our label, or not yet. */
async function unseenSecret({ client }: WorkspaceDeps, workspace: Workspace): Promise<ObservedWorkspace['secret']> {
  const { name, namespace, uid } = workspace.metadata;
  const live = await client.get<Secret>({ apiVersion: 'v1', kind: 'Secret', namespace, name: tokenSecretName(name) });
  if (live === undefined) return 'absent';
  if (live.metadata.labels?.[LABELS.managedBy] === MANAGED_BY) return contentOf(live, workspace);
  return ownedBy(live, uid) ? 'unlabelled' : 'foreign';
}

async function reconcile(deps: WorkspaceDeps, key: string): Promise<Outcome> {
  const observed = await gather(deps, key);
  if (!observed) return DONE;
  const decision = decideWorkspace(observed);
  switch (decision.kind) {
    case 'ignore':
      return DONE;
    case 'mint':
      await createSecret(deps, observed.workspace, decision);
      return DONE; // the Secret's own event brings the key back
    case 'label':
      await labelSecret(deps, observed.workspace);
      return DONE; // as does this one
    case 'run':
      await applyStatus(deps, observed.workspace, decision.status);
      return decision.retryMs === undefined ? DONE : requeueAfter(decision.retryMs);
  }
}

const SECRET_LABELS = { [LABELS.name]: 'chatcells', [LABELS.managedBy]: MANAGED_BY };

async function labelSecret({ client }: WorkspaceDeps, { metadata: { name, namespace } }: Workspace): Promise<void> {
  const ref = { apiVersion: 'v1', kind: 'Secret', namespace, name: tokenSecretName(name) } as const;
  await client.mergePatch(ref, { metadata: { labels: SECRET_LABELS } }, { fieldManager: MANAGER });
}

/** Refused with 409 when one was made since it was looked for: tried again with back-off. */
async function createSecret(
  deps: WorkspaceDeps,
  workspace: Workspace,
  mint: WorkspaceDecision & { kind: 'mint' },
): Promise<void> {
  const { name, namespace } = workspace.metadata;
  const known = mint.workspaceId ?? (await storedId(deps, workspace));
  const { privateKey } = generateKeyPairSync('ed25519');
  const key: TokenKey = {
    workspaceId: known ?? workspaceId(mintPlaced(deps.nextId, mint.shard)),
    kid: deps.randomHex(8),
    jwk: privateKey.export({ format: 'jwk' }) as PrivateJwk,
  };
  await deps.client.create(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: {
        name: tokenSecretName(name),
        namespace,
        labels: SECRET_LABELS,
        ownerReferences: [ownerOf(workspace)],
      },
      type: 'chatcells.dev/token-key',
      data: encodeTokenKey(key),
    },
    { fieldManager: MANAGER },
  );
  const note = known ? `A new signing key ${key.kid}` : `Workspace id ${key.workspaceId} with signing key ${key.kid}`;
  await deps.events.record(workspace, { type: 'Normal', reason: 'Minted', action: 'Mint', note });
}

/**
 * The id that the API server's own copy has. The Secret's deletion may have come before the status that the reflector
 * has not shown yet, and a second id would make the workspace's tokens worthless.
 */
async function storedId({ client }: WorkspaceDeps, workspace: Workspace): Promise<WorkspaceId | undefined> {
  const { name, namespace, uid } = workspace.metadata;
  const live = await client.get<Workspace>({ apiVersion: API, kind: 'Workspace', namespace, name });
  return live?.metadata.uid === uid ? (live.status?.workspaceId as WorkspaceId | undefined) : undefined;
}

async function applyStatus(
  { client, events, nowMs }: WorkspaceDeps,
  workspace: Workspace,
  part: WorkspacePart,
): Promise<void> {
  const { name, namespace, uid, generation, resourceVersion } = workspace.metadata;
  const conditions = stampConditions(workspace.status?.conditions, part.conditions, { generation, nowMs: nowMs() });
  const status = { ...part, observedGeneration: generation, conditions };
  const own = ['workspaceId', 'placement', 'tokenKeys', 'tokenSecret', 'observedGeneration'] as const;
  if (statusIsCurrent(workspace.status, status, own)) return;
  // Old keys are taken over from the status that was read: on top of another one (409) they would be lost.
  await client.apply(
    { apiVersion: API, kind: 'Workspace', metadata: { name, namespace, uid, resourceVersion }, status },
    { fieldManager: MANAGER, subresource: 'status' },
  );
  for (const c of transitions(workspace.status?.conditions, conditions)) {
    const bad = (c.type === 'Ready' && c.status === 'False') || (c.type === 'RingOutsideCells' && c.status === 'True');
    const note = `${c.type} is ${c.status}: ${c.message}`;
    await events.record(workspace, { type: bad ? 'Warning' : 'Normal', reason: c.reason, action: c.type, note });
  }
}
