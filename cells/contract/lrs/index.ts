/** Load reports of a dataplane process: the public entry of this folder. */
export { LoadCounters, type Peer, PeerLoad } from './counters.ts';
export { LoadReporter, type LoadReporterOptions } from './reporter.ts';
