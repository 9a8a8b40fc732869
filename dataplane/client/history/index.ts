/** The history of a run and its checker: pure, used by the simulation and by end-to-end tests alike. */
export { HistoryChecker } from './checker.ts';
export { JsonlWriter, readJsonl } from './jsonl.ts';
export { LogIndex } from './log-index.ts';
export { payloadHash } from './payload-hash.ts';
export {
  FINDING_KINDS,
  type Finding,
  type FindingKind,
  type HistoryRecord,
  type LogRow,
  type Verdict,
} from './records.ts';
