/**
 * Who leads, by a Lease. It does not promise that only one leads: a process that is stopped between its check and its
 * write may write late. So no decision may rest on it: whatever must not be done twice is a compare-and-set elsewhere
 * (the ring table's epoch, the slots' fences, the API server's own preconditions and server-side apply).
 */
import { type Clock, type Random, sleep, type Timer } from '../../cells/contract/clock.ts';
import { type KubeClient, type Manifest, refusedStatus } from '../../cells/contract/kube/client.ts';
import { microTime } from '../../cells/contract/kube/events.ts';
import { type Lease, leaseRef } from '../../cells/contract/kube/lease.ts';
import type { Logger } from '../../cells/contract/process/log.ts';

export interface ElectionOptions {
  client: KubeClient;
  namespace: string;
  /** Of the Lease. */
  name: string;
  /** Of this process: unique. */
  identity: string;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Others wait this long after the last renewal that they saw. */
  leaseMs?: number;
  /** A leader that could not renew for this long stops leading: less than leaseMs. */
  renewDeadlineMs?: number;
  retryMs?: number;
  /**
   * False while another had better lead: a leader then frees the Lease, and leads again only if nobody else has taken it
   * for twice leaseMs. Asked at each try.
   */
  isFit?: () => boolean;
  /** Runs while this process leads; must end soon after the signal is aborted. */
  lead(signal: AbortSignal): Promise<void>;
}

export class LeaseElection {
  readonly #options: ElectionOptions;
  readonly #leaseMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** The Lease as last seen, and when it was last seen to change: on our own clock, never on the holder's. */
  #seen: { version: string; atMs: number } | undefined;
  #holder: string | undefined;
  #leading = false;
  /** Until when the Lease is left to others: since this process is not fit to lead. */
  #abstainsUntilMs: number | undefined;

  /** Starts at once. */
  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryMs ?? 2_000;
    this.#done = this.#run();
  }

  get leading(): boolean {
    return this.#leading;
  }

  /** Stops leading, waits for `lead` to end, then frees the Lease for the others. Idempotent. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('closed'));
    await this.#done;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const triedMs = this.#options.clock.monotonicMs();
      if (!this.#abstains() && (await this.#tryToHold())) await this.#lead(triedMs);
      await this.#pause();
    }
  }

  /**
   * Until it is closed, finds another to lead, or has not renewed in time. That time counts from before the last try that
   * came through, since others count from when they see its outcome, and it ends whatever request has no answer yet.
   */
  async #lead(heldMs: number): Promise<void> {
    const { clock, lead, log, name } = this.#options;
    const lost = new AbortController();
    lost.signal.addEventListener('abort', () => (this.#leading = false), { once: true });
    const notInTime = (sinceMs: number): Timer =>
      clock.after(sinceMs + this.#renewDeadlineMs - clock.monotonicMs(), () => lost.abort(new Error('not renewed')));
    let deadline = notInTime(heldMs);
    this.#leading = true;
    log.info({ lease: name }, 'leading');
    const work = lead(lost.signal).catch((err: unknown) => {
      log.error({ err }, 'the work of the leader failed');
      lost.abort(err);
    });
    while (!this.#stop.signal.aborted && !lost.signal.aborted) {
      await this.#pause();
      if (this.#stop.signal.aborted || this.#abstains()) break;
      const triedMs = clock.monotonicMs();
      if (await this.#tryToHold()) {
        deadline.cancel();
        deadline = notInTime(triedMs);
      } else if (this.#heldByOther()) break;
    }
    deadline.cancel();
    lost.abort(new Error('no longer leading'));
    await work;
    log.info({ lease: name }, 'no longer leading');
    await this.#release();
  }

  /** Whether the Lease is to be left to others now: once each time that this process becomes unfit. */
  #abstains(): boolean {
    const { clock, isFit } = this.#options;
    if (isFit?.() ?? true) {
      this.#abstainsUntilMs = undefined;
      return false;
    }
    this.#abstainsUntilMs ??= clock.monotonicMs() + 2 * this.#leaseMs;
    return clock.monotonicMs() < this.#abstainsUntilMs;
  }

  #heldByOther(): boolean {
    return this.#holder !== undefined && this.#holder !== '' && this.#holder !== this.#options.identity;
  }

  /** Takes or renews the Lease if it is ours, free or expired. */
  async #tryToHold(): Promise<boolean> {
    const { client, log, clock, identity } = this.#options;
    try {
      const lease = await client.get<Lease>(this.#ref());
      if (!lease) {
        await client.create(this.#manifest({ acquireTime: this.#now(), leaseTransitions: 0 }), this.#manager());
        this.#holder = identity;
        return true;
      }
      this.#holder = lease.spec.holderIdentity;
      const ours = this.#holder === identity;
      if (this.#seen?.version !== lease.metadata.resourceVersion) {
        this.#seen = { version: lease.metadata.resourceVersion, atMs: clock.monotonicMs() };
      }
      const validMs = Math.max(this.#leaseMs, (lease.spec.leaseDurationSeconds ?? 0) * 1000);
      if (!ours && this.#heldByOther() && clock.monotonicMs() - this.#seen.atMs < validMs) return false;
      const { acquireTime = this.#now(), leaseTransitions = 0 } = lease.spec;
      const spec = ours
        ? { acquireTime, leaseTransitions }
        : { acquireTime: this.#now(), leaseTransitions: leaseTransitions + 1 };
      await client.replace(this.#manifest(spec, lease.metadata.resourceVersion), this.#manager());
      this.#holder = identity;
      return true;
    } catch (err) {
      if (refusedStatus(err) !== 409) log.warn({ err }, 'the Lease could not be read or written');
      return false;
    }
  }

  async #release(): Promise<void> {
    const { client, identity, log } = this.#options;
    try {
      const lease = await client.get<Lease>(this.#ref());
      if (lease?.spec.holderIdentity !== identity) return;
      const { leaseTransitions = 0 } = lease.spec;
      const manifest = this.#manifest({ leaseTransitions }, lease.metadata.resourceVersion);
      await client.replace({ ...manifest, spec: { leaseTransitions, leaseDurationSeconds: 1 } }, this.#manager());
    } catch (err) {
      log.warn({ err }, 'the Lease was not freed: it will expire');
    }
  }

  #ref(): ReturnType<typeof leaseRef> {
    return leaseRef(this.#options.namespace, this.#options.name);
  }

  #manifest(spec: Lease['spec'], resourceVersion?: string): Manifest {
    const { name, namespace, ...type } = this.#ref();
    return {
      ...type,
      metadata: { name, namespace, ...(resourceVersion ? { resourceVersion } : {}) },
      spec: {
        ...spec,
        holderIdentity: this.#options.identity,
        leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
        renewTime: this.#now(),
      },
    };
  }

  #manager(): { fieldManager: string } {
    return { fieldManager: 'chatcells-election' };
  }

  #now(): string {
    return microTime(this.#options.clock.wallMs());
  }

  /** Spread by chance, so that two that started together do not collide for ever. */
  async #pause(): Promise<void> {
    const { clock, random } = this.#options;
    await sleep(clock, this.#retryMs * (0.8 + 0.4 * random.next()), this.#stop.signal).catch(() => {});
  }
}
