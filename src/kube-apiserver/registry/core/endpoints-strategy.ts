import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldRequired } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateLegacyIp } from "../../../apimachinery/validation/ip.ts";
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePortNumber,
  validateQualifiedName,
} from "../../../apimachinery/validation/names.ts";
import type { EndpointAddress, Endpoints } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { endpointsCells } from "../../printers/network.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { oneOf, syntax } from "../../validation/common.ts";
import { validateEndpointIp } from "../../validation/endpoint-ip.ts";

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
      const { appProtocol } = port;
      if (appProtocol !== undefined)
        errors.push(...syntax(at.child("appProtocol"), appProtocol, validateQualifiedName(appProtocol)));
    }
    return errors;
  });
}

function validateAddresses(addresses: readonly EndpointAddress[] | undefined, path: FieldPath): readonly FieldError[] {
  return (addresses ?? []).flatMap(({ ip, hostname, nodeName }, i) => {
    const at = path.index(i);
    return [
      ...validateLegacyIp(at.child("ip"), ip, { strict: true }),
      ...(hostname ? syntax(at.child("hostname"), hostname, validateDns1123Label(hostname)) : []),
      ...(nodeName === undefined ? [] : syntax(at.child("nodeName"), nodeName, validateDns1123Subdomain(nodeName))),
      ...validateEndpointIp(at.child("ip"), ip),
    ];
  });
}

/** What was stored with faults may stay as it is. */
function validateEndpointsUpdate(endpoints: Endpoints, old: Endpoints): readonly FieldError[] {
  return semanticEqual(endpoints.subsets, old.subsets) ? [] : validateEndpoints(endpoints);
}

export const endpointsStrategy: Strategy<Endpoints> = {
  allowCreateOnUpdate: true,
  checksNameOnUpdate: true,
  validate: validateEndpoints,
  validateUpdate: validateEndpointsUpdate,
  tableCells: endpointsCells,
};
