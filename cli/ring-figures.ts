/** /debug/v1/rings/… and /debug/v1/where of the control plane, as chatctl reads them. */

export interface Place {
  pod: string;
  cell: string;
  zone: string;
  address: string;
  incarnation: string;
}

/** /debug/v1/where */
export interface WhereFigures {
  topic?: string;
  ring: string;
  slot: number;
  epoch: number;
  tableEpoch: number;
  cell: string | null;
  owner: Place | null;
  standby: Place | null;
  target: Place | null;
  pin?: { slot: number; pod: string; reason?: string };
}

/** What the ring manager is about. */
interface Planning {
  ring: string;
  epoch: number;
  /** Moves that are wanted and not started. */
  left: number;
  /** Slots that changed hands in the last minute. */
  movesPerMinute: number;
  maxMovesPerMinute: number;
  /** Why nothing is decided at present. */
  held?: 'failed' | 'store' | 'incomplete' | 'ended';
  paused: boolean;
  pauseReason?: string;
  pins: { slot: number; pod: string; reason?: string; owner: string | null; target: string | null }[];
  hotSlots: {
    enabled: boolean;
    maxMovesPerMinute: number;
    /** Load of the fullest member over the average from which slots are moved. */
    above: number;
    /** Load of the whole ring, per second, from which slots are moved. */
    fromPerSecond: number;
    /** Of the last look at the load; missing before the first. */
    lookedSecondsAgo?: number;
    maxOverAverage?: number;
    moves?: number;
    hottest?: { slot: number; pod: string; perSecond: number }[];
  };
}

export type MemberState = 'serving' | 'leaving' | 'silent' | 'new';

export interface RingMember extends Place {
  slots: number;
  standbySlots: number;
  state: MemberState;
  /** Slots that it has claimed and serves. */
  claimed: number;
  topics: number;
  /** Events stored and copies of them sent, a second. */
  perSecond: number;
}

/** /debug/v1/rings/<namespace>/<name> */
export interface RingFigures extends Planning {
  movesInFlight: number;
  orphans: number;
  maxOverAverage: number;
  loadMaxOverAverage: number;
  members: RingMember[];
}

export type TransferReason = 'evacuate' | 'pin' | 'rebalance' | 'hot' | 'takeover' | 'orphan' | 'under way';

/** /debug/v1/rings/<namespace>/<name>/plan */
export interface RingPlan extends Planning {
  whatIf?: { without: string[]; add: string[] };
  transfers: { from: string | null; to: string; reason: TransferReason; slots: number }[];
  /** Slots whose standby becomes another one. */
  standbys: number;
  /** Slots that are frozen and handed over together. */
  batch: number;
  members: {
    incarnation: string;
    pod: string;
    cell: string;
    zone: string;
    state: MemberState;
    slots: number;
    slotsAfter: number;
    standbySlots: number;
    standbySlotsAfter: number;
  }[];
}

const HELD: Record<NonNullable<Planning['held']>, string> = {
  failed: 'the store could not be read',
  store: 'more than half of the servers fell silent at once, which is taken for the store',
  incomplete: 'a new ring waits for its channel servers',
  ended: 'the ring is being deleted, and nobody uses it',
};

/** Why nothing is decided at present; undefined when it is. */
export const heldText = ({ held }: Pick<Planning, 'held'>): string | undefined => held && HELD[held];
