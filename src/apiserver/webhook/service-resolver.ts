import { notFound, serviceUnavailable } from "../../apimachinery/errors/new.ts";
import type { Service } from "../../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
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
    const candidates = readyEndpoints(this.#slices.list(namespace), name, servicePort.name ?? "").map(
      ({ endpoint, port }): ServiceTarget => ({ host: endpoint.addresses[0] ?? "", port }),
    );
    const chosen = candidates[candidates.length === 0 ? 0 : randomInt(this.#random, candidates.length)];
    if (!chosen) throw serviceUnavailable(`no endpoints available for service "${name}"`);
    return chosen;
  }

  /** The Service's own address, for callers that trust it to be routed. Throws NotFound and ServiceUnavailable. */
  resolveAddress(namespace: string, name: string, port: number): ServiceTarget {
    const service = this.#services.get(namespace, name);
    if (!service) throw notFound({ group: "", resource: "services" }, name);
    const { type, externalName = "", clusterIP = "", ports } = service.spec;
    if (type === "ExternalName") return { host: externalName, port };
    if (clusterIP === "None" || clusterIP === "")
      throw serviceUnavailable('cannot route to service with ClusterIP "None"');
    if (!ports?.some((each) => each.port === port))
      throw serviceUnavailable(`no service port ${port} found for service "${name}"`);
    return { host: clusterIP, port };
  }
}

/** The ready endpoints of a Service behind one of its ports, by the port's name; each has at least one address. */
export function readyEndpoints(
  slices: readonly EndpointSlice[],
  service: string,
  portName: string,
): readonly { readonly endpoint: Endpoint; readonly port: number }[] {
  return slices
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === service)
    .flatMap((slice) => {
      const port = slice.ports?.find((each) => (each.name ?? "") === portName)?.port;
      if (port === undefined) return [];
      return (slice.endpoints ?? [])
        .filter(({ conditions, addresses }) => conditions.ready !== false && addresses.length > 0)
        .map((endpoint) => ({ endpoint, port }));
    });
}
