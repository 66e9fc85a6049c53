import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateCidr, validateIp } from "../../apimachinery/validation/ip.ts";
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
} from "../../apimachinery/validation/names.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import type { IPAddress, ServiceCIDR } from "../../api/networking/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { endpointSliceCells, ipAddressCells, serviceCidrCells } from "../printers/network.ts";
import { immutable, oneOf, syntax } from "../validation/common.ts";
import { ipWarnings } from "../validation/ip-warnings.ts";

const endpointsMax = 1000;
const addressesMax = 100;
const addressTypes = ["FQDN", "IPv4", "IPv6"];

function validateEndpointSlice(slice: EndpointSlice): readonly FieldError[] {
  const errors: FieldError[] = [];
  const { addressType, endpoints, ports } = slice;
  if (!addressType) errors.push(fieldRequired(FieldPath.of("addressType")));
  else if (!addressTypes.includes(addressType)) {
    errors.push(fieldNotSupported(FieldPath.of("addressType"), addressType, addressTypes));
  }
  const path = FieldPath.of("endpoints");
  if ((endpoints?.length ?? 0) > endpointsMax) return [fieldTooMany(path, endpoints?.length, endpointsMax)];
  for (const [i, endpoint] of (endpoints ?? []).entries()) {
    const at = path.index(i).child("addresses");
    const { hostname } = endpoint;
    // A list the client left out is null.
    const addresses = endpoint.addresses ?? [];
    if (addresses.length === 0) errors.push(fieldRequired(at, "must contain at least 1 address"));
    else if (addresses.length > addressesMax) errors.push(fieldTooMany(at, addresses.length, addressesMax));
    for (const [j, address] of addresses.entries()) {
      if (addressType === "FQDN") errors.push(...syntax(at.index(j), address, validateDns1123Subdomain(address)));
      else {
        const wrong = validateIp(at.index(j), address);
        errors.push(...wrong);
        if (wrong.length === 0 && address.includes(":") !== (addressType === "IPv6")) {
          errors.push(fieldInvalid(at.index(j), address, `must be an ${addressType} address`));
        }
      }
    }
    if (hostname) errors.push(...syntax(path.index(i).child("hostname"), hostname, validateDns1123Label(hostname)));
  }
  const names = new Set<string>();
  for (const [i, port] of (ports ?? []).entries()) {
    const at = FieldPath.of("ports").index(i);
    const name = port.name ?? "";
    if (names.has(name))
      errors.push({ type: "FieldValueDuplicate", field: at.child("name").toString(), badValue: name, detail: "" });
    names.add(name);
    if (name) errors.push(...syntax(at.child("name"), name, validateDns1123Label(name)));
    errors.push(...oneOf(at.child("protocol"), port.protocol, ["SCTP", "TCP", "UDP"]));
    if (port.port !== undefined) errors.push(...syntax(at.child("port"), port.port, validatePortNumber(port.port)));
  }
  return errors;
}

/** Controllers that write addresses in canonical form whatever they read. */
const tidyControllers = ["endpointslice-controller.k8s.io", "endpointslicemirroring-controller.k8s.io"];

function addressWarnings({ metadata, endpoints }: EndpointSlice): readonly string[] {
  const writer = metadata.labels?.["endpointslice.kubernetes.io/managed-by"] ?? "";
  if (tidyControllers.includes(writer)) return [];
  return (endpoints ?? []).flatMap(({ addresses }, i) =>
    (addresses ?? []).flatMap((address, n) => ipWarnings(address, `endpoints[${i}].addresses[${n}]`)),
  );
}

export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  generation: "object",
  allowCreateOnUpdate: true,
  // Of the beta version; the stable one has the node's name and zone.
  prepareForCreate(slice: Mutable<EndpointSlice>): void {
    for (const endpoint of slice.endpoints ?? []) delete endpoint.deprecatedTopology;
  },
  validate: validateEndpointSlice,
  validateUpdate: (slice: EndpointSlice, old: EndpointSlice) => [
    ...validateEndpointSlice(slice),
    ...immutable(FieldPath.of("addressType"), slice.addressType, old.addressType),
  ],
  warningsOnCreate: (slice) => [
    ...(slice.addressType === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : []),
    ...addressWarnings(slice),
  ],
  warningsOnUpdate: addressWarnings,
  tableCells: endpointSliceCells,
};

export const serviceCidrStrategy: Strategy<ServiceCIDR> = {
  generation: "none",
  validate: ({ spec }: ServiceCIDR) => {
    const path = FieldPath.of("spec", "cidrs");
    if ((spec.cidrs?.length ?? 0) === 0) return [fieldRequired(path, "at least one CIDR required")];
    return (spec.cidrs ?? []).flatMap((cidr, i) => validateCidr(path.index(i), cidr));
  },
  validateUpdate: (object: ServiceCIDR, old: ServiceCIDR) =>
    immutable(FieldPath.of("spec", "cidrs"), object.spec.cidrs, old.spec.cidrs),
  tableCells: serviceCidrCells,
};

export const ipAddressStrategy: Strategy<IPAddress> = {
  validateName: (name: string) => validateIp(FieldPath.of("metadata", "name"), name).map((error) => error.detail),
  validate: ({ spec }: IPAddress) => (spec.parentRef ? [] : [fieldRequired(FieldPath.of("spec", "parentRef"))]),
  tableCells: ipAddressCells,
};
