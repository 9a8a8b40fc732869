/** Many clients in processes of their own, some thousands in each: a process may hold 20,000 descriptors. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { join } from 'node:path';

export interface CrowdPlan {
  edges: string[];
  /** The edge of all; each in turn when absent. */
  home?: string;
  /** Shared by the sockets in turn, as the devices of a user. */
  users: { token: string; channels: string[] }[];
  sockets: number;
  /** Time between two posts of each process, once all its clients are connected. */
  postEveryMs: number;
}

export interface CrowdFigures {
  connected: number;
  /** Sockets taken up where they ended, and sessions that had to be made anew. */
  resumes: number;
  reconnects: number;
  connectFailures: number;
  /** Told not to come back. */
  stopped: number;
  /** Events that reached a client, each counted once a client. */
  delivered: number;
  posted: number;
  acknowledged: number;
  /** Of the topics that were to be posted to: ms until the acknowledgement. */
  gapsMs: Record<string, number>;
}

/** One post to each topic, now, by a user who has it. */
export interface CrowdPosts {
  /** Since 1970: what the gaps count from. */
  atMs: number;
  topics: string[];
}

export type ToCrowd = { type: 'start'; plan: CrowdPlan } | { type: 'post'; posts: CrowdPosts };

const SOCKETS_PER_PROCESS = 5_000;
/** Clients have machines of their own: here they take what the servers leave. */
const NICE = 10;
const MOST_NICE = 19;
const NOTHING: CrowdFigures = {
  ...{ connected: 0, resumes: 0, reconnects: 0, connectFailures: 0, stopped: 0 },
  ...{ delivered: 0, posted: 0, acknowledged: 0, gapsMs: {} },
};

/** In its session, and its session among the others: `nice` says nothing to other sessions where the kernel groups by them. */
function giveWay(pid: number): void {
  const nice = Math.min(MOST_NICE, getPriority() + NICE);
  setPriority(pid, nice);
  const group = `/proc/${pid}/autogroup`;
  if (existsSync(group)) writeFileSync(group, String(nice));
}

export class Crowd {
  readonly #children: ChildProcess[] = [];
  readonly #figures: CrowdFigures[] = [];
  #failure: string | undefined;

  constructor(plan: CrowdPlan) {
    for (let left = plan.sockets, n = 0; left > 0; left -= SOCKETS_PER_PROCESS, n++) {
      const child = fork(join(import.meta.dirname, 'crowd.ts'), {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        // A session of its own, as every server has: Linux shares the CPU out by sessions first.
        detached: true,
      });
      if (child.pid !== undefined) giveWay(child.pid);
      child.on('message', ({ figures, error }: { figures?: CrowdFigures; error?: string }) => {
        if (figures !== undefined) this.#figures[n] = figures;
        this.#failure ??= error;
      });
      const sockets = Math.min(left, SOCKETS_PER_PROCESS);
      child.send({ type: 'start', plan: { ...plan, sockets } } satisfies ToCrowd);
      this.#children.push(child);
    }
  }

  /** Throws when a client was refused for good. */
  get figures(): CrowdFigures {
    if (this.#failure !== undefined) throw new Error(this.#failure);
    const sum = { ...NOTHING, gapsMs: {} };
    for (const { gapsMs, ...counts } of this.#figures.filter((f) => f !== undefined)) {
      Object.assign(sum.gapsMs, gapsMs);
      for (const [key, n] of Object.entries(counts)) sum[key as keyof typeof counts] += n;
    }
    return sum;
  }

  /** For a crowd of one process. */
  postTo(posts: CrowdPosts): void {
    this.#children[0]!.send({ type: 'post', posts } satisfies ToCrowd);
  }

  end(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}
