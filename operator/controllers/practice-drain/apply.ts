/** Carries a practice's decision out: its own status or finalizer, or spec.drain of the Cell. */
import type { KubeClient } from '../../../cells/contract/kube/client.ts';
import type { EventRecorder } from '../../../cells/contract/kube/events.ts';
import { type Cell, FINALIZER, type PracticeDrain } from '../../../crds/index.ts';
import { stampConditions, statusIsCurrent } from '../../runtime/conditions.ts';
import type { Newest } from '../../runtime/newest.ts';
import { API } from '../../world.ts';
import type { PracticeDecision } from './model.ts';

const MANAGER = 'chatcells-practice-drain';

export interface PracticeApplier {
  client: KubeClient;
  cells: Newest<Cell>;
  practices: Newest<PracticeDrain>;
  events: EventRecorder;
  nowMs: () => number;
}

export async function setFinalizer(
  { client, practices }: PracticeApplier,
  practice: PracticeDrain,
  on: boolean,
): Promise<void> {
  const { name, namespace, uid } = practice.metadata;
  const metadata = { name, namespace, uid, finalizers: on ? [FINALIZER] : [] };
  const manifest = { apiVersion: API, kind: 'PracticeDrain', metadata } as const;
  const written = await client.apply<PracticeDrain>(manifest, { fieldManager: `${MANAGER}-finalizer` });
  practices.wrote(`${namespace}/${name}`, written);
}

/** Rejects when the Cell has changed meanwhile: its drain may be somebody else's by now. */
export async function setDrain(
  { client, cells }: PracticeApplier,
  namespace: string,
  { name, generation, drain }: PracticeDecision & { kind: 'cell' },
): Promise<void> {
  const written = await client.jsonPatch<Cell>(
    { apiVersion: API, kind: 'Cell', namespace, name },
    [
      { op: 'test', path: '/metadata/generation', value: generation },
      { op: 'add', path: '/spec/drain', value: drain },
    ],
    { fieldManager: MANAGER },
  );
  cells.wrote(`${namespace}/${name}`, written);
}

export async function applyStatus(
  { client, practices, events, nowMs }: PracticeApplier,
  practice: PracticeDrain,
  { status: part, events: told }: PracticeDecision & { kind: 'status' },
): Promise<void> {
  const { name, namespace, uid, generation } = practice.metadata;
  const conditions = stampConditions(practice.status?.conditions, part.conditions, { generation, nowMs: nowMs() });
  const status = { ...OWN_KEYS_ABSENT, ...part, observedGeneration: generation, conditions };
  if (!statusIsCurrent(practice.status, status, OWN_KEYS)) {
    const metadata = { name, namespace, uid };
    const written = await client.apply<PracticeDrain>(
      { apiVersion: API, kind: 'PracticeDrain', metadata, status },
      { fieldManager: MANAGER, subresource: 'status' },
    );
    practices.wrote(`${namespace}/${name}`, written);
  }
  for (const event of told) await events.record(practice, { ...event, action: 'Practise' });
}

const OWN_KEYS = [
  'phase',
  'nextRunAt',
  'handledUntil',
  'handledRunAt',
  'run',
  'lastRun',
  'history',
  'observedGeneration',
] as const;
/** What a decision leaves out is to go. */
const OWN_KEYS_ABSENT = { nextRunAt: undefined, run: undefined, lastRun: undefined };
