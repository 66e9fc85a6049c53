import type { Service } from "../../api/core/v1/types.gen.ts";
import { ipAddresses, services } from "../../api/resources.gen.ts";
import type { RegistryAccess } from "../../apiserver/registry/rest/registry-access.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import { isHeadless } from "../registry/core/service/type-rules.ts";
import type { SystemWriter } from "./system-writer.ts";

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

  constructor(registry: RegistryAccess, writer: SystemWriter) {
    this.#registry = registry;
    this.#writer = writer;
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
        for (const address of addresses) await this.#sync(address);
        if (this.#dirty.size === 0) await this.#wake.wait(signal);
      }
    } finally {
      unsubscribe();
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
      group: "",
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
