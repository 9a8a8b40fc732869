/** Whether a Cell serves, judged by its Pods alone. Pure. */

import { type Pod, podReady } from '../../../cells/contract/kube/objects.ts';
import type { Cell } from '../../../crds/index.ts';
import { LABELS } from '../../../crds/index.ts';
import { condition, type NewCondition } from '../../runtime/conditions.ts';
import { COMPONENTS, type Component, replicasOf } from './names.ts';

export interface ComponentState {
  component: Component;
  wanted: number;
  ready: number;
  /** Why the first Pod that is not ready is not, or that there is none. */
  problem: string | undefined;
}

export function componentStates(cell: Cell, pods: readonly Pod[], hasRing: boolean): ComponentState[] {
  return COMPONENTS.filter((c) => c !== 'channel' || hasRing).map((component) => {
    const own = pods
      .filter((p) => p.metadata.labels?.[LABELS.component] === component && p.metadata.deletionTimestamp === undefined)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
    const wanted = replicasOf(cell, component);
    const ready = own.filter(podReady).length;
    const broken = own.find((p) => !podReady(p));
    const problem =
      ready >= wanted ? undefined : broken ? podProblem(broken) : 'no Pod yet: see the events of its Deployment';
    return { component, wanted, ready, problem };
  });
}

/** Never says for how long or how often: the text must not change while nothing does. */
function podProblem(pod: Pod): string {
  const { name } = pod.metadata;
  for (const container of pod.status?.containerStatuses ?? []) {
    const { waiting, terminated } = container.state ?? {};
    if (waiting?.reason && waiting.reason !== 'ContainerCreating') return `Pod ${name}: ${waiting.reason}`;
    if (terminated) return `Pod ${name}: ended with exit code ${terminated.exitCode}`;
  }
  const scheduled = pod.status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.status === 'False')
    return `Pod ${name} cannot be scheduled: ${scheduled.message ?? scheduled.reason ?? ''}`;
  return `Pod ${name} is ${pod.status?.phase ?? 'Pending'} and not Ready`;
}

export function readinessConditions(
  states: readonly ComponentState[],
  ring: { name: string } | undefined,
): NewCondition[] {
  const short = states.filter((s) => s.ready < s.wanted);
  const down = short.filter((s) => s.ready === 0);
  const text = short.map((s) => `${s.component} ${s.ready}/${s.wanted} Ready: ${s.problem}`).join('; ');
  if (!ring) {
    const message = 'No ChannelRing lists this Cell, so it has no channel servers: add it to spec.cells of one.';
    return [
      condition('Ready', false, 'WaitingForRing', message),
      condition('Progressing', true, 'WaitingForRing', message),
      degraded(short, text),
    ];
  }
  return [
    down.length === 0
      ? condition('Ready', true, 'Serving', 'Every component has a Ready Pod.')
      : condition('Ready', false, 'WaitingForPods', text),
    short.length > 0
      ? condition('Progressing', true, 'WaitingForPods', text)
      : condition('Progressing', false, 'Complete', 'Every Pod that was asked for is Ready.'),
    degraded(short, text),
  ];
}

const degraded = (short: readonly ComponentState[], text: string): NewCondition =>
  short.length > 0
    ? condition('Degraded', true, 'PodsNotReady', text)
    : condition('Degraded', false, 'AllPodsReady', 'Every Pod that was asked for is Ready.');
