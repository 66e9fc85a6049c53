import { notFound, serviceUnavailable } from "../../apimachinery/errors/new.ts";
import type { Service } from "../../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { randomInt, type Random } from "../../component-base/random.ts";
import type { StorageLister } from "../registry/rest/registry-access.ts";

export interface ServiceTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * Picks one of a Service's ready endpoints at random, from what is stored at the moment of the call: the server needs
 * neither the cluster's DNS nor its proxy, and sees an endpoint as soon as it is written. Throws NotFound and
 * ServiceUnavailable.
 */
export class ServiceResolver {
  readonly #services: Pick<StorageLister<Service>, "get">;
  readonly #slices: Pick<StorageLister<EndpointSlice>, "list">;
  readonly #random: Random;

  constructor(options: {
    readonly services: Pick<StorageLister<Service>, "get">;
    readonly endpointSlices: Pick<StorageLister<EndpointSlice>, "list">;
    readonly random: Random;
  }) {
    this.#services = options.services;
    this.#slices = options.endpointSlices;
    this.#random = options.random;
  }

  resolve(namespace: string, name: string, port: number): ServiceTarget {
    const service = this.#services.get(namespace, name);
    if (!service) throw notFound({ group: "", resource: "services" }, name);
    if (service.spec.type === "ExternalName") return { host: service.spec.externalName ?? "", port };
    const servicePort = service.spec.ports?.find((each) => each.port === port);
    if (!servicePort) throw serviceUnavailable(`no service port ${port} found for service "${name}"`);
    const candidates = this.#slices
      .list(namespace)
      .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name)
      .flatMap((slice) => {
        const target = slice.ports?.find((each) => (each.name ?? "") === (servicePort.name ?? ""))?.port;
        if (target === undefined) return [];
        return (slice.endpoints ?? [])
          .filter(({ conditions }) => conditions.ready !== false)
          .flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port: target })));
      });
    const chosen = candidates[candidates.length === 0 ? 0 : randomInt(this.#random, candidates.length)];
    if (!chosen) throw serviceUnavailable(`no endpoints available for service "${name}"`);
    return chosen;
  }
}
