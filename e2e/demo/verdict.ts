/** The verdict of a demo run: every figure measured in that run, and the rule by which it holds. Pure. */

export interface DemoVerdict extends Partial<GrayFigures> {
  holds: boolean;
  /** One sentence for each condition that does not hold. */
  broken: string[];
  sent: number;
  acknowledged: number;
  delivered: number;
  /** Events that came again on the wire and were dropped by the client's de-duplication. */
  raw_duplicates: number;
  lost: number;
  /** After the client's de-duplication. */
  duplicated: number;
  reordered: number;
  foreign: number;
  after_kick: number;
  /** Requests through the edges that were answered by 5xx or not at all. */
  http_failures: number;
  resumes: number;
  slots_handed_off: number;
  /** Slots that the killed channel server owned when it was killed. */
  killed_server_slots: number;
  /** Slots that a standby took from a server that was not killed. */
  false_failovers: number;
  drain_seconds: number;
  /** Longest time from a post to its acknowledgement among the posts that were open at the kill or sent in the 10 s after it. */
  failover_gap_ms: number;
  /** In the drained cell when its drain had ended. */
  sockets_left: number;
  slots_left: number;
}

/** Of the part in which a zone's links lose packets and its Cell drains itself; seconds from when they began to. */
export interface GrayFigures {
  gray_detected_s: number;
  gray_drained_s: number;
  /** 0: the operator drained it by itself; 1: something else did. */
  gray_hand: number;
  gray_sockets_left: number;
  gray_slots_left: number;
  /**
   * Requests that failed from the first lost packet until the undrain: links that lose packets fail requests whatever is
   * done about it, so they are no part of http_failures, and are not judged.
   */
  http_failures_gray: number;
}

export type Figures = Omit<DemoVerdict, 'holds' | 'broken'> & Partial<GrayFigures>;

export interface Thresholds {
  acknowledged: number;
  resumes: number;
  /** Whether the gray failure is part of the run. */
  gray: boolean;
}

const AT_LEAST_ONE = ['slots_handed_off', 'killed_server_slots'] as const satisfies (keyof Figures)[];
const ZERO = [
  'lost',
  'duplicated',
  'reordered',
  'foreign',
  'after_kick',
  'http_failures',
  'false_failovers',
  'sockets_left',
  'slots_left',
] as const satisfies (keyof Figures)[];

const GRAY_ZERO = ['gray_hand', 'gray_sockets_left', 'gray_slots_left'] as const satisfies (keyof GrayFigures)[];
const GRAY = [...GRAY_ZERO, 'gray_detected_s', 'gray_drained_s', 'http_failures_gray'] as const;

export function judge(figures: Figures, thresholds: Thresholds): DemoVerdict {
  const broken: string[] = [];
  for (const key of ['acknowledged', 'resumes'] as const) {
    if (!(figures[key] >= thresholds[key]))
      broken.push(`${key} is ${figures[key]}, at least ${thresholds[key]} are wanted`);
  }
  for (const key of AT_LEAST_ONE)
    if (!(figures[key] > 0)) broken.push(`${key} is ${figures[key]}: that part of the demo did not happen`);
  for (const key of ZERO) if (figures[key] !== 0) broken.push(`${key} is ${figures[key]}, not 0`);
  if (thresholds.gray) broken.push(...brokenOfGray(figures));
  for (const [key, value] of Object.entries(figures))
    if (!Number.isFinite(value)) broken.push(`${key} was not measured`);
  return { holds: broken.length === 0, broken, ...figures };
}

const brokenOfGray = (figures: Figures): string[] => [
  ...GRAY.filter((key) => figures[key] === undefined).map((key) => `${key} is missing: that part did not happen`),
  ...GRAY_ZERO.filter((key) => figures[key] !== 0).map((key) => `${key} is ${figures[key]}, not 0`),
];
