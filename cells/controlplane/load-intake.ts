/** Load reports as they come: who is who by the Pods' addresses, then to the history and the metrics. */
import { type Cell, LABELS } from '../../crds/index.ts';
import type { Pod } from '../contract/kube/index.ts';
import type { ClusterStats } from '../contract/lrs/messages.ts';
import type { LoadHistory } from '../health/history.ts';
import { observe, type Place } from '../health/observations.ts';
import type { Metrics } from './metrics.ts';

export interface LoadIntakeOptions {
  pods: ReadonlyMap<string, Pod>;
  cells: ReadonlyMap<string, Cell>;
  loads: LoadHistory;
  metrics: Pick<Metrics, 'zonePairRequests' | 'zonePairErrors' | 'zonePairSeconds'>;
}

export class LoadIntake {
  readonly #options: LoadIntakeOptions;
  #places: ReadonlyMap<string, Place> | undefined;

  constructor(options: LoadIntakeOptions) {
    this.#options = options;
  }

  podsChanged(): void {
    this.#places = undefined;
  }

  take(observer: { role: string; zone: string }, stats: readonly ClusterStats[]): void {
    const { loads, metrics, pods, cells } = this.#options;
    this.#places ??= placesOf(pods.values(), cells.values());
    const observed = observe(observer, stats, (ip) => this.#places?.get(ip));
    loads.add(observer.zone, observed);
    for (const { hop, observerZone, target, requests, errors, latencyMs } of observed.observations) {
      const labels = { hop, observer_zone: observerZone, target_zone: target.zone };
      metrics.zonePairRequests.inc(labels, requests);
      metrics.zonePairErrors.inc(labels, errors);
      metrics.zonePairSeconds.inc(labels, latencyMs / 1_000);
    }
  }
}

/** By IP. Of two Pods with one address the one that is not being deleted has it. Pure. */
export function placesOf(pods: Iterable<Pod>, cells: Iterable<Cell>): Map<string, Place> {
  const zones = new Map([...cells].map((c) => [c.metadata.name, c.spec.zone]));
  const places = new Map<string, Place>();
  for (const { metadata, status } of pods) {
    const role = metadata.labels?.[LABELS.component];
    const cell = metadata.labels?.[LABELS.cell];
    const ip = status?.podIP;
    if ((role !== 'gateway' && role !== 'api' && role !== 'channel') || !cell || !ip) continue;
    const over = status.phase === 'Failed' || status.phase === 'Succeeded';
    if (over || (metadata.deletionTimestamp !== undefined && places.has(ip))) continue;
    places.set(ip, { pod: metadata.name, cell, zone: zones.get(cell) ?? '', role });
  }
  return places;
}
