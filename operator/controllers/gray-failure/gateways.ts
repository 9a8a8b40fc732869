/**
 * What gateways that fail while the rest of their Cell does not mean for it. Pure. What must stay true: one at a time in
 * a Cell, never the last one that is well; a gateway that was begun with is replaced, and is never taken back.
 */
import type { GatewayVerdict } from '../../../cells/health/processes.ts';
import type { CellStatus } from '../../../crds/index.ts';
import { type Condition, condition, type NewCondition } from '../../runtime/conditions.ts';

export type DrainingGateway = NonNullable<CellStatus['drainingGateways']>[number];

export interface GatewayPod {
  name: string;
  uid: string;
  ready: boolean;
  /** It is being deleted. */
  leaving: boolean;
}

export interface GatewayFailureInput {
  /** Those of this Cell, the worst first; undefined while there are no figures. */
  verdicts: readonly GatewayVerdict[] | undefined;
  /** The gateways of this Cell. */
  pods: readonly GatewayPod[];
  /** status.drainingGateways. */
  draining: readonly DrainingGateway[];
  /** The Cell's condition GatewayFailure as it stands. */
  before: Pick<Condition, 'status' | 'reason' | 'message'> | undefined;
  /** The Cell is left as a whole. */
  cellLeaves: boolean;
  /** Whether gateways are drained by themselves at all. */
  enabled: boolean;
}

export interface GatewayFailureDecision {
  condition: NewCondition;
  draining: DrainingGateway[];
  /** To be evicted now: its Deployment makes another. */
  evict: GatewayPod | undefined;
}

export const TYPE = 'GatewayFailure';
/** Its sockets are sent away over 30 s; what is still there then is told by the Pod's own orderly end. */
const EVICT_AFTER_MS = 45_000;

export function decideGateways(input: GatewayFailureInput, nowMs: number): GatewayFailureDecision {
  const { pods } = input;
  const going = input.draining.filter((d) => pods.some((p) => p.name === d.pod));
  if (going.length > 0) return { condition: goingOn(going), draining: going, evict: toEvict(going, pods, nowMs) };
  return { evict: undefined, ...begin(input, nowMs) };
}

function begin(input: GatewayFailureInput, nowMs: number): Pick<GatewayFailureDecision, 'condition' | 'draining'> {
  const { verdicts, pods, before } = input;
  const serving = pods.filter((p) => p.ready && !p.leaving);
  if (verdicts === undefined && before?.status === 'True' && before.reason !== 'Draining')
    return { condition: condition(TYPE, true, before.reason, before.message), draining: [] };
  const bad = (verdicts ?? []).filter((v) => serving.some((p) => p.name === v.pod));
  const [worst] = bad;
  if (worst === undefined)
    return { condition: condition(TYPE, false, 'Healthy', 'No gateway of the Cell fails by itself.'), draining: [] };
  const wait = blockerOf(input, serving.length - bad.length);
  if (wait === undefined) {
    const begun = [{ pod: worst.pod, since: new Date(nowMs).toISOString(), reason: worst.why }];
    return { condition: goingOn(begun), draining: begun };
  }
  // The figures of the moment when it was found out: they change all the time, and would be a write each.
  const same = before?.reason === wait.reason && before.message.startsWith(`${worst.pod}: `);
  const message = same ? before.message : `${worst.pod}: ${worst.why}. ${wait.message}`;
  return { condition: condition(TYPE, true, wait.reason, message), draining: [] };
}

/** Why it is not drained by itself. `well`: gateways of the Cell that are. */
function blockerOf(
  { cellLeaves, enabled }: GatewayFailureInput,
  well: number,
): { reason: string; message: string } | undefined {
  if (cellLeaves) return { reason: 'CellLeaves', message: 'It leaves with its Cell.' };
  if (!enabled) return { reason: 'Manual', message: 'Delete the Pod: its clients resume elsewhere.' };
  if (well < 1) return { reason: 'LastWell', message: 'No other gateway of the Cell is well. Drain the Cell.' };
  return undefined;
}

const goingOn = (going: readonly DrainingGateway[]): NewCondition =>
  condition(
    TYPE,
    true,
    'Draining',
    `${going.map((d) => `${d.pod}: ${d.reason}`).join('; ')}. It takes nothing new, sends its sockets away and is replaced.`,
  );

function toEvict(
  going: readonly DrainingGateway[],
  pods: readonly GatewayPod[],
  nowMs: number,
): GatewayPod | undefined {
  const others = pods.filter((p) => p.ready && !p.leaving && !going.some((d) => d.pod === p.name));
  if (others.length === 0) return undefined;
  const due = going.find((d) => nowMs - Date.parse(d.since) >= EVICT_AFTER_MS);
  return pods.find((p) => p.name === due?.pod && !p.leaving);
}
