import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateIp } from "../../../apimachinery/validation/ip.ts";
import { validateDns1123Label, validatePortNumber } from "../../../apimachinery/validation/names.ts";
import type { EndpointAddress, Endpoints } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { endpointsCells } from "../../printers/network.ts";
import { oneOf, syntax } from "../../validation/common.ts";

function validateEndpoints({ subsets }: Endpoints): readonly FieldError[] {
  return (subsets ?? []).flatMap((subset, i) => {
    const path = FieldPath.of("subsets").index(i);
    const errors: FieldError[] = [];
    if ((subset.addresses?.length ?? 0) === 0 && (subset.notReadyAddresses?.length ?? 0) === 0) {
      errors.push(fieldRequired(path, "must specify `addresses` or `notReadyAddresses`"));
    }
    errors.push(...validateAddresses(subset.addresses, path.child("addresses")));
    errors.push(...validateAddresses(subset.notReadyAddresses, path.child("notReadyAddresses")));
    const ports = subset.ports ?? [];
    for (const [j, port] of ports.entries()) {
      const at = path.child("ports").index(j);
      if (port.name) errors.push(...syntax(at.child("name"), port.name, validateDns1123Label(port.name)));
      else if (ports.length > 1) errors.push(fieldRequired(at.child("name")));
      errors.push(...syntax(at.child("port"), port.port, validatePortNumber(port.port)));
      errors.push(...oneOf(at.child("protocol"), port.protocol, ["SCTP", "TCP", "UDP"]));
    }
    return errors;
  });
}

function validateAddresses(addresses: readonly EndpointAddress[] | undefined, path: FieldPath): readonly FieldError[] {
  return (addresses ?? []).flatMap((address, i) => validateIp(path.index(i).child("ip"), address.ip));
}

export const endpointsStrategy: Strategy<Endpoints> = {
  allowCreateOnUpdate: true,
  validate: validateEndpoints,
  validateUpdate: validateEndpoints,
  tableCells: endpointsCells,
};
