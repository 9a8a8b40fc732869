/** What a drain is to do, whether it may, and how long it will take. Pure. */
import { parseDurationMs } from '../cells/contract/process/config.ts';
import type { Cell } from '../crds/index.ts';

export interface DrainOptions {
  to?: string;
  step?: string;
  fast?: boolean;
  force?: boolean;
  deadline?: string;
  reason?: string;
}

/** A patch of Cell.spec.drain: null removes. */
export interface DrainIntent {
  targetWeight: number | null;
  stepPercent: number;
  stepInterval: string;
  deadline: string | null;
  paused: true | null;
  pauseReason: string | null;
  reason: string | null;
  requestedBy: string | null;
  /** A person's from now on, whatever it was before; left as it is when somebody only looks on. */
  initiator?: null;
  force: boolean;
}

const SLOW = '2s';
const FAST = '500ms';
export const intervalMs = (text: string | undefined): number => parseDurationMs(text ?? SLOW);

type DrainSpec = NonNullable<Cell['spec']['drain']>;

/** A drain or undrain that is under way already, and who asks now. */
interface Present {
  drain?: DrainSpec | undefined;
  requestedBy?: string | undefined;
}

/**
 * The patch of Cell.spec.drain; `undefined` when a number or duration is none. What is not given stays as it is while the
 * Cell goes to the same target already, so that watching again with `--wait` changes neither pace nor reason, resumes
 * nothing that was paused, and takes no practice or automatic drain over.
 */
export function drainIntent(options: DrainOptions, { drain, requestedBy }: Present = {}): DrainIntent | undefined {
  const targetWeight = percent(options.to ?? '0', 0);
  if (targetWeight === undefined) return undefined;
  const kept = drain?.targetWeight === targetWeight ? drain : undefined;
  return intent(options, targetWeight, { kept, requestedBy });
}

/** As drainIntent. `underWay`: an undrain has begun and is not finished. */
export function undrainIntent(
  options: Pick<DrainOptions, 'step' | 'fast' | 'deadline'>,
  { drain, requestedBy }: Present = {},
  underWay = false,
): DrainIntent | undefined {
  return intent(options, null, { kept: underWay ? drain : undefined, requestedBy });
}

function intent(
  options: DrainOptions,
  targetWeight: number | null,
  { kept, requestedBy }: { kept: DrainSpec | undefined; requestedBy: string | undefined },
): DrainIntent | undefined {
  const stepPercent = options.step === undefined ? (kept?.stepPercent ?? 1) : percent(options.step, 1);
  if (stepPercent === undefined || !/^(\d+(s|m|h))?$/.test(options.deadline ?? '')) return undefined;
  const asksAnew = options.force || options.reason !== undefined;
  return {
    targetWeight,
    stepPercent,
    stepInterval: options.fast ? FAST : (kept?.stepInterval ?? SLOW),
    deadline: options.deadline ?? kept?.deadline ?? null,
    paused: kept?.paused || null,
    pauseReason: kept?.pauseReason ?? null,
    reason: options.reason ?? kept?.reason ?? null,
    requestedBy: (asksAnew ? undefined : kept?.requestedBy) ?? requestedBy ?? null,
    ...(kept === undefined || asksAnew ? { initiator: null } : {}),
    force: options.force ?? kept?.force ?? false,
  };
}

/** The command that goes to the same target. What a drain under way keeps by itself, pace and reason, need not be said. */
export function commandFor(
  cell: string,
  { targetWeight }: Pick<DrainIntent, 'targetWeight'>,
  { fast, step, deadline, reason, force }: Omit<DrainOptions, 'to'> = {},
): string {
  return [
    `chatctl ${targetWeight === null ? 'undrain' : 'drain'} ${cell}`,
    ...(targetWeight ? [`--to ${targetWeight}`] : []),
    ...(fast ? ['--fast'] : []),
    ...(step === undefined ? [] : [`--step ${step}`]),
    ...(deadline === undefined ? [] : [`--deadline ${deadline}`]),
    ...(force ? ['--force'] : []),
    ...(reason === undefined ? [] : [`--reason ${JSON.stringify(reason)}`]),
  ].join(' ');
}

function percent(text: string, min: number): number | undefined {
  const n = Number(text);
  return Number.isInteger(n) && n >= min && n <= 100 ? n : undefined;
}

export const targetOf = (cell: Cell): number => cell.spec.drain?.targetWeight ?? cell.spec.traffic?.weight ?? 100;

export interface CellLoad {
  cell: string;
  sockets: number;
  capacity: number;
  weightInForce: number;
}

export interface GuardInput {
  cell: Cell;
  others: readonly Cell[];
  target: number;
  force: boolean;
  /** Undefined when no control plane answered. */
  loads: readonly CellLoad[] | undefined;
}

/** Why the drain is refused at once, or undefined. The operator checks again before each step. */
export function refusal({ cell, others, target, force, loads }: GuardInput): string | undefined {
  const taking = others.filter((o) => targetOf(o) > 0 && (o.status?.weight ?? targetOf(o)) > 0);
  if (target === 0 && taking.length === 0)
    return `no other Cell takes traffic, so ${cell.metadata.name} cannot go to 0; undrain another one first (--force does not help)`;
  if (force || loads === undefined) return undefined;
  const own = loads.find((l) => l.cell === cell.metadata.name);
  const weight = cell.status?.weight ?? 100;
  if (own === undefined || weight === 0) return undefined;
  const need = Math.ceil((own.sockets * Math.max(0, weight - target)) / weight);
  const loadOf = (o: Cell) => loads.find((l) => l.cell === o.metadata.name);
  const free = taking.reduce((sum, o) => sum + roomIn(o, loadOf(o)), 0);
  const room = Math.max(0, free - others.reduce((sum, o) => sum + leavingOf(o, loadOf(o)), 0));
  return need > room
    ? `${need} sockets are to move and the other Cells have room for ${room}: add capacity, or use --force`
    : undefined;
}

/** Sockets that a drain under way has still to move: the room is theirs. */
function leavingOf(cell: Cell, load: CellLoad | undefined): number {
  const { weight = 0, drain } = cell.status ?? {};
  if (load === undefined || drain?.phase !== 'Draining') return 0;
  return weight === 0 ? load.sockets : Math.ceil((load.sockets * Math.max(0, weight - targetOf(cell))) / weight);
}

/** Of a Cell at half its weight, or going there, half the capacity: as the operator counts it. */
function roomIn(cell: Cell, load: CellLoad | undefined): number {
  if (load === undefined) return 0;
  const target = targetOf(cell);
  const share = Math.min(cell.status?.weight ?? target, target) / Math.max(1, cell.spec.traffic?.weight ?? 100);
  return Math.max(0, Math.floor(load.capacity * Math.min(1, share)) - load.sockets);
}

export type Phase = 'moving' | 'done' | 'blocked' | 'paused';

export interface Progress {
  phase: Phase;
  weight: number;
  target: number;
  /** Sockets and slots have to leave too. */
  emptying: boolean;
  /** What the steps that are left take. */
  stepsMs: number;
  blocker: string | undefined;
  /** RFC 3339. */
  blockedSince: string | undefined;
  deadline: string | undefined;
}

/** Where a drain or undrain stands, by the Cell's own status. */
export function progressOf(cell: Cell): Progress {
  const target = targetOf(cell);
  const weight = cell.status?.weight ?? target;
  const { drain } = cell.spec;
  const { phase = 'None', blocker, blockedSince, deadline } = cell.status?.drain ?? {};
  const emptying = drain?.targetWeight === 0;
  const steps = Math.ceil(Math.abs(weight - target) / (drain?.stepPercent ?? 1));
  const at = { weight, target, emptying, stepsMs: steps * intervalMs(drain?.stepInterval) };
  if (weight === target && phase === (emptying ? 'Drained' : 'None'))
    return { ...at, phase: 'done', blocker: undefined, blockedSince: undefined, deadline: undefined };
  const stands = phase === 'Blocked' ? 'blocked' : phase === 'Paused' ? 'paused' : 'moving';
  return { ...at, phase: stands, blocker, blockedSince, deadline };
}
