import { invalid } from "../../../../apimachinery/errors/new.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldInternalError, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { nameIsDnsLabel } from "../../../../apimachinery/validation/names.ts";
import type { Service, ServiceSpec } from "../../../../api/core/v1/types.gen.ts";
import type { Claim, Strategy } from "../../../../apiserver/registry/rest/strategy.ts";
import { serviceCells } from "../../../printers/network.ts";
import type { IpAllocator } from "./ip-allocator.ts";
import type { PortAllocator } from "./port-allocator.ts";
import {
  alignClusterIps,
  dropTypeDependent,
  isHeadless,
  keepAllocated,
  needsClusterIp,
  needsHealthCheckNodePort,
  needsNodePort,
} from "./type-rules.ts";
import { validateService, validateServiceUpdate } from "./validate.ts";

/** What Services are given out of; rebuilt from the stored Services when the server starts. */
export interface ServiceAllocators {
  readonly clusterIps: IpAllocator;
  readonly nodePorts: PortAllocator;
}

/** Takes what a stored Service has. What is taken already (two Services with one address) stays with whoever came first. */
export function restoreAllocations({ clusterIps, nodePorts }: ServiceAllocators, service: Service): void {
  for (const ip of allocatedIps(service.spec)) clusterIps.take(ip);
  for (const port of allocatedPorts(service.spec)) nodePorts.take(port);
}

/**
 * Services. Addresses and node ports are claimed before the write and given back when it fails, so that two Services
 * never share one; what a Service had before an update stays taken until the update is stored.
 *
 * Differs from upstream: one address family. A second one has no allocator yet, and asking for it is refused.
 */
export function serviceStrategy(allocators: ServiceAllocators): Strategy<Service> {
  return {
    validateName: nameIsDnsLabel,
    validate: validateService,
    validateUpdate: validateServiceUpdate,
    returnDeletedObject: true,
    generation: "none",

    async beginCreate(service: Mutable<Service>): Promise<Claim> {
      alignClusterIps(service.spec);
      const claim = new AllocationClaim(allocators);
      claim.allocate(service, undefined);
      return claim;
    },

    async beginUpdate(service: Mutable<Service>, old: Service): Promise<Claim> {
      keepAllocated(service.spec, old.spec);
      alignClusterIps(service.spec, old.spec);
      dropTypeDependent(service.spec, old.spec);
      const claim = new AllocationClaim(allocators);
      claim.allocate(service, old);
      return claim;
    },

    async afterDelete({ spec }: Service): Promise<void> {
      for (const ip of allocatedIps(spec)) allocators.clusterIps.release(ip);
      for (const port of allocatedPorts(spec)) allocators.nodePorts.release(port);
    },

    selectableFields: ({ spec }: Service) => ({ "spec.clusterIP": spec.clusterIP ?? "", "spec.type": spec.type ?? "" }),
    tableCells: serviceCells,
  };
}

function allocatedIps(spec: ServiceSpec): readonly string[] {
  return needsClusterIp(spec) && !isHeadless(spec) ? (spec.clusterIPs ?? []) : [];
}

function allocatedPorts(spec: ServiceSpec): readonly number[] {
  const ports = new Set((spec.ports ?? []).map((port) => port.nodePort ?? 0));
  if (spec.healthCheckNodePort) ports.add(spec.healthCheckNodePort);
  ports.delete(0);
  return [...ports];
}

/** What one write takes and, once stored, gives back. */
class AllocationClaim implements Claim {
  readonly #allocators: ServiceAllocators;
  readonly #taken: (() => void)[] = [];
  readonly #outdated: (() => void)[] = [];

  constructor(allocators: ServiceAllocators) {
    this.#allocators = allocators;
  }

  async commit(): Promise<void> {
    for (const release of this.#outdated.splice(0)) release();
    this.#taken.length = 0;
  }

  async rollback(): Promise<void> {
    for (const release of this.#taken.splice(0)) release();
    this.#outdated.length = 0;
  }

  /** Throws Invalid, holding nothing, when something cannot be had. */
  allocate(service: Mutable<Service>, old: Service | undefined): void {
    const errors = [...this.#allocateIp(service, old), ...this.#allocatePorts(service, old)];
    if (errors.length > 0) {
      for (const release of this.#taken.splice(0)) release();
      throw invalid({ group: "", kind: "Service" }, service.metadata.name ?? "", errors);
    }
  }

  #allocateIp({ spec }: Mutable<Service>, old: Service | undefined): readonly FieldError[] {
    const { clusterIps } = this.#allocators;
    const before = old ? allocatedIps(old.spec) : [];
    const path = FieldPath.of("spec", "clusterIPs");
    if (!needsClusterIp(spec)) {
      for (const ip of before) this.#outdated.push(() => clusterIps.release(ip));
      return [];
    }
    defaultFamilies(spec, clusterIps.family);
    if (isHeadless(spec)) return [];
    const asked = spec.clusterIPs?.[0] ?? "";
    // A changed address is refused by validation, which says so better than the allocator could.
    if (asked !== "" && (before.includes(asked) || before.length > 0)) return [];
    if (asked !== "") {
      const why = clusterIps.take(asked);
      if (why !== undefined) return [fieldInvalid(path, spec.clusterIPs, `failed to allocate IP ${asked}: ${why}`)];
      this.#taken.push(() => clusterIps.release(asked));
      return [];
    }
    const given = clusterIps.takeAny();
    if (given === undefined) return [fieldInternalError(path, "failed to allocate a serviceIP: range is full")];
    this.#taken.push(() => clusterIps.release(given));
    spec.clusterIP = given;
    spec.clusterIPs = [given];
    return [];
  }

  #allocatePorts({ spec }: Mutable<Service>, old: Service | undefined): readonly FieldError[] {
    const { nodePorts } = this.#allocators;
    const before = new Set(old ? allocatedPorts(old.spec) : []);
    const held = new Set(before);
    const errors: FieldError[] = [];
    const claim = (asked: number | undefined, path: FieldPath): number | undefined => {
      if (asked && held.has(asked)) return asked;
      const given = asked || nodePorts.takeAny();
      if (given === undefined) {
        errors.push(fieldInternalError(path, "failed to allocate a nodePort: range is full"));
        return undefined;
      }
      const why = asked ? nodePorts.take(asked) : undefined;
      if (why !== undefined) {
        errors.push(fieldInvalid(path, asked, why));
        return asked;
      }
      this.#taken.push(() => nodePorts.release(given));
      held.add(given);
      return given;
    };
    for (const [i, port] of (spec.ports ?? []).entries()) {
      if (!needsNodePort(spec) && !(spec.type === "LoadBalancer" && port.nodePort)) continue;
      // Two protocols on one port number share the node port.
      const twin = spec.ports?.find((p, j) => j < i && p.port === port.port && p.nodePort);
      const given = claim(port.nodePort ?? twin?.nodePort, FieldPath.of("spec", "ports").index(i).child("nodePort"));
      if (given) port.nodePort = given;
    }
    if (needsHealthCheckNodePort(spec)) {
      const given = claim(spec.healthCheckNodePort, FieldPath.of("spec", "healthCheckNodePort"));
      if (given) spec.healthCheckNodePort = given;
    }
    const after = new Set(allocatedPorts(spec));
    for (const port of before) if (!after.has(port)) this.#outdated.push(() => nodePorts.release(port));
    return errors;
  }
}

function defaultFamilies(spec: Mutable<ServiceSpec>, family: "IPv4" | "IPv6"): void {
  if (isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0) {
    // Nobody but the client knows its endpoints, so they may be of either family.
    spec.ipFamilyPolicy ??= "RequireDualStack";
    spec.ipFamilies ??= [family, family === "IPv4" ? "IPv6" : "IPv4"];
    return;
  }
  spec.ipFamilyPolicy ??= "SingleStack";
  spec.ipFamilies ??= [family];
}
