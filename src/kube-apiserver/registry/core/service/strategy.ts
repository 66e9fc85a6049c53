import { invalid } from "../../../../apimachinery/errors/new.ts";
import { serviceWarnings } from "./warnings.ts";
import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { FieldError } from "../../../../apimachinery/validation/field-error.ts";
import { fieldInternalError, fieldInvalid } from "../../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../../apimachinery/validation/field-path.ts";
import { nameIsDnsLabel } from "../../../../apimachinery/validation/names.ts";
import type { Service, ServiceSpec } from "../../../../api/core/v1/types.gen.ts";
import type { Claim, RequestContext, Strategy } from "../../../../apiserver/registry/rest/strategy.ts";
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
import { semanticEqual } from "../../../../component-helpers/semantic-equal.ts";
import {
  familyOf,
  validateClusterIps,
  validateService,
  validateServiceStatus,
  validateServiceUpdate,
} from "./validate.ts";

/** What Services are given out of; rebuilt from the stored Services when the server starts. */
export interface ServiceAllocators {
  readonly clusterIps: IpAllocator;
  readonly nodePorts: PortAllocator;
}

/** Takes what a stored Service has. What is taken already (two Services with one address) stays with whoever came first. */
export function restoreAllocations({ clusterIps, nodePorts }: ServiceAllocators, service: Service): void {
  for (const ip of allocatedIps(service.spec)) clusterIps.restore(ip);
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
    validate: (service: Service) => validateService(service),
    validateStatus: validateServiceStatus,
    validateUpdate: validateServiceUpdate,
    returnDeletedObject: true,
    generation: "none",
    warningsOnCreate: (service) => serviceWarnings(service),
    warningsOnUpdate: (service) => serviceWarnings(service),

    async beginCreate(service: Mutable<Service>, { dryRun }: RequestContext): Promise<Claim> {
      alignClusterIps(service.spec);
      const claim = new AllocationClaim(allocators, dryRun);
      claim.allocate(service, undefined);
      return claim;
    },

    async beginUpdate(service: Mutable<Service>, old: Service, { dryRun }: RequestContext): Promise<Claim> {
      keepAllocated(service.spec, old.spec);
      alignClusterIps(service.spec, old.spec);
      dropTypeDependent(service.spec, old.spec);
      const claim = new AllocationClaim(allocators, dryRun);
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
  readonly #dryRun: boolean;
  readonly #taken: (() => void)[] = [];
  readonly #outdated: (() => void)[] = [];

  constructor(allocators: ServiceAllocators, dryRun: boolean) {
    this.#allocators = allocators;
    this.#dryRun = dryRun;
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
    spec.ipFamilyPolicy ??= old?.spec.ipFamilyPolicy ?? defaultPolicy(spec);
    const wrong = validateClusterIps(spec, old?.spec);
    if (wrong.length > 0) return wrong;
    const unavailable = this.#fillFamilies(spec, old);
    if (unavailable.length > 0) return unavailable;
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

  /** Fills the families in and refuses those this cluster has no addresses of. */
  #fillFamilies(spec: Mutable<ServiceSpec>, old: Service | undefined): readonly FieldError[] {
    const { family } = this.#allocators.clusterIps;
    const policy = spec.ipFamilyPolicy;
    const policyAt = FieldPath.of("spec", "ipFamilyPolicy");
    const errors: FieldError[] = [];
    if (old && policy === "SingleStack" && semanticEqual(spec.ipFamilies, old.spec.ipFamilies)) {
      if ((spec.ipFamilies?.length ?? 0) > 1) spec.ipFamilies = spec.ipFamilies?.slice(0, 1) ?? [];
    } else if (old && policy !== "SingleStack" && (spec.ipFamilies?.length ?? 0) < (old.spec.ipFamilies?.length ?? 0)) {
      errors.push(fieldInvalid(policyAt, policy, "must be 'SingleStack' to release the secondary IP family"));
    }
    if (policy === "SingleStack") {
      for (const [count, what] of [
        [spec.clusterIPs?.length, "cluster IPs"],
        [spec.ipFamilies?.length, "IP families"],
      ] as const) {
        if (count !== 2) continue;
        const why = `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`;
        errors.push(fieldInvalid(policyAt, policy, why));
      }
    }
    for (const [i, ip] of isHeadless(spec) ? [] : (spec.clusterIPs ?? []).entries()) {
      if (spec.ipFamilies?.[i] !== undefined) continue;
      const own = familyOf(ip);
      if (own === family) spec.ipFamilies = [...(spec.ipFamilies ?? []), own];
      else {
        const at = FieldPath.of("spec", "clusterIPs").index(i);
        errors.push(fieldInvalid(at, spec.clusterIPs, `${own} is not configured on this cluster`));
      }
    }
    if (errors.length > 0) return errors;
    if (hasUnknownEndpoints(spec)) {
      const given = spec.ipFamilies ?? [];
      const own = given.length > 0 ? given : [family];
      const other = own[0] === "IPv4" ? "IPv6" : "IPv4";
      spec.ipFamilies = own.length < 2 && policy !== "SingleStack" ? [...own, other] : own;
      return [];
    }
    if (policy === "RequireDualStack") {
      errors.push(fieldInvalid(policyAt, policy, "this cluster is not configured for dual-stack services"));
    }
    for (const [i, asked] of (spec.ipFamilies ?? []).entries()) {
      const at = FieldPath.of("spec", "ipFamilies").index(i);
      if (asked !== family) errors.push(fieldInvalid(at, asked, "not configured on this cluster"));
    }
    if (errors.length === 0 && (spec.ipFamilies?.length ?? 0) === 0) spec.ipFamilies = [family];
    return errors;
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
      // As in upstream, a dry run finds ports taken by others, but not those that cannot be had at all.
      if (asked && this.#dryRun && !nodePorts.has(asked)) return asked;
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
    // What it was before it remains, or validation refuses it.
    if (needsHealthCheckNodePort(spec) && !(old && needsHealthCheckNodePort(old.spec))) {
      const given = claim(spec.healthCheckNodePort, FieldPath.of("spec", "healthCheckNodePort"));
      if (given) spec.healthCheckNodePort = given;
    }
    const after = new Set(allocatedPorts(spec));
    for (const port of before) if (!after.has(port)) this.#outdated.push(() => nodePorts.release(port));
    return errors;
  }
}

function defaultPolicy(spec: ServiceSpec): "SingleStack" | "RequireDualStack" {
  // Nobody but the client knows the endpoints of a headless Service without a selector, so they may be of either family.
  return hasUnknownEndpoints(spec) ? "RequireDualStack" : "SingleStack";
}

function hasUnknownEndpoints(spec: ServiceSpec): boolean {
  return isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
}
