/** A Pod's phase and conditions from the states of its containers. Pure. */
import type { Condition, ContainerStatus, Phase, Pod } from './kube.ts';

export interface Observed {
  /** Volumes are there and the address is known. */
  prepared: boolean;
  init: ContainerStatus[];
  main: ContainerStatus[];
  /** RFC 3339. */
  now: string;
}

const succeeded = (status: ContainerStatus): boolean => status.state.terminated?.exitCode === 0;

/** Kubernetes' rule: Running from the first start of all until none will start again. */
export function podPhase(pod: Pod, init: ContainerStatus[], main: ContainerStatus[]): Phase {
  const policy = pod.spec.restartPolicy ?? 'Always';
  if (policy === 'Never' && init.some((status) => status.state.terminated && !succeeded(status))) return 'Failed';
  if (!init.every(succeeded) || main.length < pod.spec.containers.length) return 'Pending';
  if (main.some((status) => status.state.waiting && !status.lastState.terminated)) return 'Pending';
  const ended = main.every((status) => status.state.terminated);
  if (!ended || policy === 'Always') return 'Running';
  if (main.every(succeeded)) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

/** The conditions that the agent owns; a condition keeps its transition time while its status stays. */
export function podConditions(pod: Pod, phase: Phase, seen: Observed): Condition[] {
  const over = phase === 'Succeeded' || phase === 'Failed';
  const initialized = seen.init.length === (pod.spec.initContainers?.length ?? 0) && seen.init.every(succeeded);
  const unready = seen.main.filter((status) => !status.ready).map((status) => status.name);
  const containersReady = !over && seen.main.length === pod.spec.containers.length && unready.length === 0;
  const gates = (pod.spec.readinessGates ?? []).filter(
    (gate) => conditionOf(pod, gate.conditionType)?.status !== 'True',
  );
  const because = over
    ? { reason: 'PodCompleted' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` };
  const gated = { reason: 'ReadinessGatesNotReady', message: `waiting for ${gates.map((g) => g.conditionType)}` };
  const ready = containersReady && gates.length === 0;
  return [
    condition('PodReadyToStartContainers', seen.prepared && !over),
    condition(
      'Initialized',
      initialized,
      over && phase === 'Succeeded' ? because : { reason: 'ContainersNotInitialized' },
    ),
    condition('ContainersReady', containersReady, because),
    condition('Ready', ready, containersReady ? gated : because),
  ].map((next) => withTransition(next, conditionOf(pod, next.type), seen.now));
}

/** Whether the object says of these conditions what they say. */
export const shows = (pod: Pod, own: readonly Condition[]): boolean =>
  own.every(({ type, status }) => conditionOf(pod, type)?.status === status);

const conditionOf = (pod: Pod, type: string): Condition | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type);

function condition(type: string, holds: boolean, because: { reason?: string; message?: string } = {}): Condition {
  return holds ? { type, status: 'True' } : { type, status: 'False', ...because };
}

function withTransition(next: Condition, before: Condition | undefined, now: string): Condition {
  const kept = before?.status === next.status ? before.lastTransitionTime : undefined;
  return { ...next, lastTransitionTime: kept ?? now };
}

/** Whether a container that ended with this code is started again. */
export function restarts(policy: Pod['spec']['restartPolicy'], exitCode: number): boolean {
  if (policy === 'Never') return false;
  return policy !== 'OnFailure' || exitCode !== 0;
}
