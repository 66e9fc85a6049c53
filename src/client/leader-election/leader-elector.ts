import { isConflict, isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { apiVersionOf, type Input } from "../../apimachinery/resource-type.ts";
import type { Lease } from "../../api/coordination/v1/types.gen.ts";
import { leases } from "../../api/resources.gen.ts";
import { deadline, sleep, type Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Counter, MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import type { EventRecorder } from "../record/event-recorder.ts";
import type { ApiClient } from "../rest/api-client.ts";

/** How one candidate takes part in an election. */
export interface LeaderElectionConfig {
  /** Unique among the candidates, e.g. host name and a UUID. */
  readonly identity: string;
  /** How long others wait before they take a lease that is not renewed. Upstream: 15 s. */
  readonly leaseDurationMs?: number;
  /** How long the leader tries to renew before it stops leading. Upstream: 10 s. Must be shorter. */
  readonly renewDeadlineMs?: number;
  /** The pause between tries. Upstream: 2 s. */
  readonly retryPeriodMs?: number;
}

export interface LeaderElectorOptions extends LeaderElectionConfig {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the Lease. */
  readonly namespace: string;
  readonly name: string;
  /** Told, about the Lease, who became leader and who stopped leading. */
  readonly recorder?: EventRecorder;
  readonly metrics?: MetricRegistry;
}

/** What `runAsLeader` rejects with when the lease could not be renewed in time: the process must stop what it leads. */
export class LeadershipLostError extends Error {
  override readonly name = "LeadershipLostError";
}

/**
 * Elects one of several candidates by a Lease. Times of others are never compared with ours: what counts is how long, on
 * our own monotonic clock, we have seen the Lease unchanged.
 */
export class LeaderElector {
  readonly #options: LeaderElectorOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #status: Counter | undefined;
  #observed: { readonly resourceVersion: string; readonly atMs: number; readonly lease: Lease } | undefined;

  constructor(options: LeaderElectorOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#status = options.metrics?.gauge(
      "leader_election_master_status",
      "Gauge of if the reporting system is master of the relevant lease, 0 indicates backup, 1 indicates master.",
      ["name"],
    );
    this.#status?.set(0, options.name);
  }

  /**
   * Waits to be elected, then runs `lead` while the lease is held. Its signal aborts when the lease is lost or `signal`
   * aborts; the lease is released only after `lead` has ended. Rejects with LeadershipLostError when the lease was lost.
   */
  async runAsLeader(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (!(await this.#acquire(signal))) return;
    this.#tell("became leader");
    this.#status?.set(1, this.#options.name);
    const leading = new AbortController();
    const renewing = new AbortController();
    const stop = (): void => leading.abort();
    signal.addEventListener("abort", stop, { once: true });
    let isLost = false;
    const renewal = this.#renewUntilLost(renewing.signal).then((lost) => {
      isLost = lost;
      leading.abort();
    });
    try {
      await lead(leading.signal);
    } finally {
      signal.removeEventListener("abort", stop);
      renewing.abort();
      await renewal;
      this.#status?.set(0, this.#options.name);
      this.#tell("stopped leading");
      if (!isLost) await this.#release();
    }
    if (isLost) throw new LeadershipLostError(`lost the lease ${this.#options.namespace}/${this.#options.name}`);
  }

  /** False when the signal aborted first. */
  async #acquire(signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      if (await this.#tryOnce(signal)) return true;
      // Upstream's jitter: up to 1.2 times longer, so that candidates do not stay in step.
      await this.#pause(this.#retryPeriodMs * (1 + 1.2 * this.#options.random.next()), signal);
    }
    return false;
  }

  async #renewUntilLost(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    let renewedAt = clock.monotonic();
    while (!signal.aborted) {
      await this.#pause(this.#retryPeriodMs, signal);
      if (signal.aborted) return false;
      const leftMs = renewedAt + this.#renewDeadlineMs - clock.monotonic();
      if (leftMs <= 0) return true;
      using limit = deadline(clock, leftMs, signal);
      const startedAt = clock.monotonic();
      if (await this.#tryOnce(limit.signal)) renewedAt = startedAt;
    }
    return false;
  }

  /** True when the lease is ours now. */
  async #tryOnce(signal: AbortSignal): Promise<boolean> {
    const client = this.#client();
    try {
      let lease: Lease;
      try {
        lease = await client.get(this.#options.name, { signal });
      } catch (error) {
        if (!isNotFound(error)) throw error;
        this.#observe(await client.create(this.#next(undefined), { signal }));
        return true;
      }
      this.#observe(lease);
      if (!this.#isOurs(lease) && this.#isHeld(lease)) return false;
      this.#observe(await client.update(this.#next(lease), { signal }));
      return true;
    } catch (error) {
      if (!isConflict(error) && !isAlreadyExists(error) && !signal.aborted)
        this.#options.logger.warn("leader election failed, will try again", { lease: this.#options.name, error });
      return false;
    }
  }

  async #release(): Promise<void> {
    const last = this.#observed?.lease;
    if (!last || !this.#isOurs(last)) return;
    using limit = deadline(this.#options.clock, this.#renewDeadlineMs);
    const spec = { ...last.spec, holderIdentity: "", leaseDurationSeconds: 1, renewTime: this.#microTime() };
    await this.#client()
      .update({ ...last, spec }, { signal: limit.signal })
      .catch((error: unknown) => {
        // The lease runs out by itself; others only wait longer.
        this.#options.logger.warn("could not release the lease", { lease: this.#options.name, error });
      });
  }

  #next(current: Lease | undefined): Input<Lease> {
    const { namespace, name, identity } = this.#options;
    const now = this.#microTime();
    const isRenewal = current !== undefined && this.#isOurs(current);
    const transitions = current?.spec.leaseTransitions ?? 0;
    return {
      ...current,
      metadata: current?.metadata ?? { namespace, name },
      spec: {
        ...current?.spec,
        holderIdentity: identity,
        leaseDurationSeconds: Math.ceil(this.#leaseDurationMs / 1000),
        acquireTime: (isRenewal ? current.spec.acquireTime : undefined) ?? now,
        renewTime: now,
        leaseTransitions: current && !isRenewal ? transitions + 1 : transitions,
      },
    };
  }

  #tell(what: "became leader" | "stopped leading"): void {
    const { recorder, logger, identity, name } = this.#options;
    logger.info(what, { lease: name, identity });
    const { metadata } = this.#observed?.lease ?? { metadata: {} };
    const target = { apiVersion: apiVersionOf(leases), kind: leases.kind, metadata };
    recorder?.event(target, "Normal", "LeaderElection", `${identity} ${what}`);
  }

  #observe(lease: Lease): void {
    const { resourceVersion } = lease.metadata;
    if (this.#observed?.resourceVersion === resourceVersion) return;
    this.#observed = { resourceVersion, lease, atMs: this.#options.clock.monotonic() };
  }

  #isOurs(lease: Lease): boolean {
    return lease.spec.holderIdentity === this.#options.identity;
  }

  #isHeld(lease: Lease): boolean {
    if (!lease.spec.holderIdentity || !this.#observed) return false;
    const durationMs = (lease.spec.leaseDurationSeconds ?? this.#leaseDurationMs / 1000) * 1000;
    return this.#options.clock.monotonic() < this.#observed.atMs + durationMs;
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.clock, delayMs, signal).catch(() => {
      // Aborted: the caller's loop sees the signal.
    });
  }

  #client() {
    return this.#options.client.resource(leases, this.#options.namespace);
  }

  #microTime(): string {
    return new Date(this.#options.clock.now()).toISOString().replace("Z", "000Z");
  }
}
