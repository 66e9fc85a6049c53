import type { Service } from "../../api/core/v1/types.gen.ts";
import { ipAddresses, services } from "../../api/resources.gen.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import type { Clock } from "../../component-base/clock.ts";
import { sleep } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import { isHeadless } from "../registry/core/service/type-rules.ts";
import type { SystemWriter } from "./system-writer.ts";

const retryMs = 1000;

/**
 * Keeps an IPAddress object for every address a Service has. The allocator decides; these objects show its state.
 *
 * Differs from upstream, where the objects are the allocator: here they follow a moment after the Service.
 */
export class ServiceIpAddresses {
  readonly #registry: RegistryAccess;
  readonly #writer: SystemWriter;
  /** Addresses whose object may not fit any more. Bounded by the addresses there are. */
  readonly #dirty = new Set<string>();
  readonly #owners = new Map<string, Service>();
  readonly #wake = new EventSignal();

  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor(options: {
    readonly registry: RegistryAccess;
    readonly writer: SystemWriter;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#registry = options.registry;
    this.#writer = options.writer;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Works until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const unsubscribe = this.#registry.lister(services).onChange((current, previous) => {
      this.#note(previous, false);
      this.#note(current, true);
      this.#wake.set();
    });
    try {
      for (const service of this.#registry.lister(services).list()) this.#note(service, true);
      for (const address of this.#registry.lister(ipAddresses).list()) this.#dirty.add(address.metadata.name);
      while (!signal.aborted) {
        const addresses = [...this.#dirty];
        this.#dirty.clear();
        for (const address of addresses) await this.#trySync(address, signal);
        if (this.#dirty.size === 0) await this.#wake.wait(signal);
      }
    } finally {
      unsubscribe();
    }
  }

  async #trySync(address: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#sync(address);
    } catch (error) {
      this.#logger.info("an IPAddress could not be written, trying again", { address, error });
      this.#dirty.add(address);
      await sleep(this.#clock, retryMs, signal);
    }
  }

  #note(service: Service | undefined, isOwner: boolean): void {
    if (!service || isHeadless(service.spec)) return;
    for (const address of service.spec.clusterIPs ?? []) {
      if (isOwner) this.#owners.set(address, service);
      else this.#owners.delete(address);
      this.#dirty.add(address);
    }
  }

  async #sync(address: string): Promise<void> {
    const owner = this.#owners.get(address);
    if (!owner) {
      await this.#writer.remove(ipAddresses, "", address);
      return;
    }
    const parentRef = {
      resource: "services",
      namespace: owner.metadata.namespace,
      name: owner.metadata.name,
    };
    await this.#writer.reconcile(
      ipAddresses,
      {
        metadata: {
          name: address,
          labels: {
            "ipaddress.kubernetes.io/ip-family": address.includes(":") ? "IPv6" : "IPv4",
            "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
          },
        },
        spec: { parentRef },
      },
      (object) => {
        object.spec.parentRef = { ...parentRef };
      },
    );
  }
}
