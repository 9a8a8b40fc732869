/** What a drain is to do, whether it may, and how long it will take. Pure. */
import type { Cell } from '../crds/index.ts';

export interface DrainOptions {
  to?: string;
  step?: string;
  fast?: boolean;
  force?: boolean;
  reason?: string;
}

export interface DrainIntent {
  targetWeight: number | null;
  stepPercent: number;
  stepInterval: string;
  reason: string | null;
  /** A person's, whatever it was before. */
  initiator: null;
  force: boolean;
}

const SLOW = '2s';
const FAST = '500ms';
export const intervalMs = (text: string | undefined): number => {
  const match = /^(\d+)(ms|s|m)$/.exec(text ?? SLOW);
  return match ? Number(match[1]) * { ms: 1, s: 1_000, m: 60_000 }[match[2] as 'ms' | 's' | 'm'] : 2_000;
};

type DrainSpec = NonNullable<Cell['spec']['drain']>;

/**
 * The patch of Cell.spec.drain; `undefined` when a number is out of range. What is not given stays as it is while the
 * Cell goes to the same target already, so that watching again with `--wait` changes neither pace nor reason.
 */
export function drainIntent(options: DrainOptions, present?: DrainSpec): DrainIntent | undefined {
  const targetWeight = percent(options.to ?? '0', 0);
  if (targetWeight === undefined) return undefined;
  return intent(options, targetWeight, present?.targetWeight === targetWeight ? present : undefined);
}

/** As drainIntent. `underWay`: an undrain has begun and is not finished. */
export function undrainIntent(
  options: Pick<DrainOptions, 'step' | 'fast'>,
  present?: DrainSpec,
  underWay = false,
): DrainIntent | undefined {
  return intent(options, null, underWay ? present : undefined);
}

function intent(
  options: DrainOptions,
  targetWeight: number | null,
  kept: DrainSpec | undefined,
): DrainIntent | undefined {
  const stepPercent = options.step === undefined ? (kept?.stepPercent ?? 1) : percent(options.step, 1);
  if (stepPercent === undefined) return undefined;
  return {
    targetWeight,
    stepPercent,
    stepInterval: options.fast ? FAST : (kept?.stepInterval ?? SLOW),
    reason: options.reason ?? kept?.reason ?? null,
    initiator: null,
    force: options.force ?? kept?.force ?? false,
  };
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
  const names = new Set(taking.map((o) => o.metadata.name));
  const room = loads.filter((l) => names.has(l.cell)).reduce((sum, l) => sum + Math.max(0, l.capacity - l.sockets), 0);
  return need > room
    ? `${need} sockets are to move and the other Cells have room for ${room}: add capacity, or use --force`
    : undefined;
}

export type Phase = 'none' | 'moving' | 'done' | 'blocked';

export interface Progress {
  phase: Phase;
  weight: number;
  target: number;
  etaMs: number;
  blocker: string | undefined;
}

/** Where a drain or undrain stands, by the Cell's own status. */
export function progressOf(cell: Cell): Progress {
  const target = targetOf(cell);
  const weight = cell.status?.weight ?? target;
  const { drain } = cell.spec;
  const status = cell.status?.drain;
  const steps = Math.ceil(Math.abs(weight - target) / (drain?.stepPercent ?? 1));
  const etaMs = steps * intervalMs(drain?.stepInterval);
  const emptied =
    drain?.targetWeight === 0 ? status?.phase === 'Drained' : status?.phase === 'None' || status === undefined;
  const blocker = status?.blocker;
  if (weight === target && emptied) return { phase: 'done', weight, target, etaMs: 0, blocker: undefined };
  return { phase: status?.phase === 'Blocked' ? 'blocked' : 'moving', weight, target, etaMs, blocker };
}
