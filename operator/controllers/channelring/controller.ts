/**
 * ChannelRing → validation, and the ring's table mirrored into status. The table itself is the control plane's and
 * lives in the store.
 *
 * Needs (namespaced): chatcells.dev channelrings: get list patch watch, channelrings/status: patch, cells and
 * workspaces: get list watch; core pods: get list watch; events.k8s.io events: create patch.
 */

import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { type ChannelRing, FINALIZER } from '../../../crds/index.ts';
import { hasEnded, type LiveFigures, type RingReport } from '../../live-figures.ts';
import { stampConditions, statusIsCurrent, transitions } from '../../runtime/conditions.ts';
import { DONE, type Outcome, requeueAfter } from '../../runtime/controller.ts';
import type { ControllerSpec } from '../../runtime/manager.ts';
import { API, type World } from '../../world.ts';
import { decideRing, type ObservedRing, type RingPart } from './decide.ts';

const MANAGER = 'chatcells-channelring';
/** How often the control plane is asked, and so how often the status changes at most. */
const MIRROR_MS = 2000;

export interface RingDeps {
  client: KubeClient;
  world: World;
  events: EventRecorder;
  figures: LiveFigures;
  nowMs: () => number;
}

export function channelRingController(deps: RingDeps): ControllerSpec {
  const { world } = deps;
  return {
    name: 'channelring',
    reconcile: (key) => reconcile(deps, key),
    triggers: [
      { resource: 'ChannelRing', keysOf: (key) => [key] },
      { resource: 'Workspace', keysOf: () => deletingRings(world) },
    ],
  };
}

/** A Workspace that goes may be the last that held a ring. */
const deletingRings = (world: World): string[] =>
  [...world.rings].filter(([, ring]) => ring.metadata.deletionTimestamp !== undefined).map(([key]) => key);

async function gather({ world, figures }: RingDeps, key: string): Promise<ObservedRing | undefined> {
  const ring = world.rings.get(key);
  if (!ring) return undefined;
  const { name, namespace } = ring.metadata;
  const cells = [...world.cells.values()].filter(
    (c) => c.metadata.namespace === namespace && ring.spec.cells.includes(c.metadata.name),
  );
  const users = [...world.workspaces.values()].filter(
    (w) => w.metadata.namespace === namespace && w.spec.ring === name,
  );
  const answer = await figures.ring(namespace, name);
  return {
    ring,
    cells: new Map(cells.map((c) => [c.metadata.name, { deleting: c.metadata.deletionTimestamp !== undefined }])),
    usedBy: users.map((w) => w.metadata.name).sort(),
    figures: withTable(answer),
    ended: answer && hasEnded(answer),
  };
}

/** A ring whose table is not made yet has epoch 0. */
const withTable = (figures: RingReport | undefined): RingReport | undefined => (figures?.epoch ? figures : undefined);

async function reconcile(deps: RingDeps, key: string): Promise<Outcome> {
  const observed = await gather(deps, key);
  if (!observed) return DONE;
  const decision = decideRing(observed);
  switch (decision.kind) {
    case 'paused':
      return DONE;
    case 'addFinalizer':
      await setFinalizer(deps, observed.ring, true);
      return DONE;
    case 'release':
      if (observed.ring.metadata.finalizers?.includes(FINALIZER)) await setFinalizer(deps, observed.ring, false);
      return DONE;
    case 'run':
      await applyStatus(deps, observed.ring, decision.status);
      return requeueAfter(MIRROR_MS);
  }
}

async function setFinalizer({ client }: RingDeps, ring: ChannelRing, on: boolean): Promise<void> {
  const { name, namespace, uid } = ring.metadata;
  await client.apply(
    { apiVersion: API, kind: 'ChannelRing', metadata: { name, namespace, uid, finalizers: on ? [FINALIZER] : [] } },
    { fieldManager: `${MANAGER}-finalizer` },
  );
}

async function applyStatus({ client, events, nowMs }: RingDeps, ring: ChannelRing, part: RingPart): Promise<void> {
  const { name, namespace, uid, generation } = ring.metadata;
  const conditions = stampConditions(ring.status?.conditions, part.conditions, { generation, nowMs: nowMs() });
  const status = { ...part, observedGeneration: generation, conditions };
  const own = ['epoch', 'memberCount', 'movesInFlight', 'maxOverAverage', 'members', 'observedGeneration'] as const;
  if (statusIsCurrent(ring.status, status, own)) return;
  await client.apply(
    { apiVersion: API, kind: 'ChannelRing', metadata: { name, namespace, uid }, status },
    { fieldManager: MANAGER, subresource: 'status' },
  );
  for (const c of transitions(ring.status?.conditions, conditions)) {
    const bad = c.type === 'Degraded' && c.status === 'True';
    const note = `${c.type} is ${c.status}: ${c.message}`;
    await events.record(ring, { type: bad ? 'Warning' : 'Normal', reason: c.reason, action: c.type, note });
  }
}
