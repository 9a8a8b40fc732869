/**
 * Which processes a Pod's containers are, on disk: `<cluster>/pods/<uid>/record.json`. The fault verbs read it, and a
 * new agent ends by it what the old one left.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from './kube.ts';

export interface ContainerProcess {
  pid: number;
  startTime: string;
}

export interface PodRecord {
  node: string;
  namespace: string;
  pod: string;
  uid: string;
  containers: Record<string, ContainerProcess>;
}

const folderOf = (dir: string, uid: string): string => join(dir, 'pods', uid);

export class PodRecordFile {
  readonly #folder: string;
  readonly #record: PodRecord;

  constructor(dir: string, node: string, pod: Pod) {
    const { namespace, name, uid } = pod.metadata;
    this.#folder = folderOf(dir, uid);
    this.#record = { node, namespace, pod: name, uid, containers: {} };
  }

  set(container: string, process: ContainerProcess | undefined): void {
    if (process) this.#record.containers[container] = process;
    else delete this.#record.containers[container];
    mkdirSync(this.#folder, { recursive: true });
    const file = join(this.#folder, 'record.json');
    writeFileSync(`${file}.new`, JSON.stringify(this.#record));
    renameSync(`${file}.new`, file);
  }

  /** Removes the Pod's folder, its volumes with it. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export function readPodRecords(dir: string): PodRecord[] {
  let uids: string[];
  try {
    uids = readdirSync(join(dir, 'pods'));
  } catch {
    return [];
  }
  return uids.flatMap((uid) => {
    try {
      return [JSON.parse(readFileSync(join(folderOf(dir, uid), 'record.json'), 'utf8')) as PodRecord];
    } catch {
      return []; // Not started yet, or just removed.
    }
  });
}
