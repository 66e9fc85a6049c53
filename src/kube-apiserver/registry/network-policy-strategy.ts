import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import {
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { type IpNetwork, parseNetwork } from "../../apimachinery/validation/ip-address.ts";
import { validateLegacyCidr } from "../../apimachinery/validation/ip.ts";
import { validatePortNumber } from "../../apimachinery/validation/names.ts";
import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from "../../api/networking/v1/types.gen.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { networkPolicyCells } from "../printers/network.ts";
import { portNumberOrName, syntax } from "../validation/common.ts";
import { validateLabelSelector } from "../validation/label-selector.ts";
import { cidrWarnings } from "../validation/ip-warnings.ts";

const protocols = ["TCP", "UDP", "SCTP"];
const policyTypes = ["Ingress", "Egress"];
const spec = FieldPath.of("spec");

export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  generation: "spec",
  validate: (policy: NetworkPolicy) => validateSpec(policy.spec, []),
  // A subnet that was stored with faults may stay, wherever it goes.
  validateUpdate: (policy: NetworkPolicy, old: NetworkPolicy) => validateSpec(policy.spec, subnetsOf(old.spec)),
  warningsOnCreate: subnetWarnings,
  warningsOnUpdate: subnetWarnings,
  tableCells: networkPolicyCells,
};

function subnetWarnings(policy: NetworkPolicy): readonly string[] {
  return rulesOf(policy.spec).flatMap(({ peers, path: rule, side }) =>
    peers.flatMap(({ ipBlock }, n) => {
      if (!ipBlock) return [];
      const path = rule.child(side).index(n).child("ipBlock");
      const { cidr, except = [] } = ipBlock;
      return [
        ...cidrWarnings(cidr, `${path.toString()}.cidr`),
        ...except.flatMap((subnet, k) => cidrWarnings(subnet, `${path.toString()}.except[${k}]`)),
      ];
    }),
  );
}

function rulesOf(policy: NetworkPolicySpec) {
  const rules = [
    ...(policy.ingress ?? []).map(({ ports, from }, i) => ({ ports, peers: from, i, field: "ingress", side: "from" })),
    ...(policy.egress ?? []).map(({ ports, to }, i) => ({ ports, peers: to, i, field: "egress", side: "to" })),
  ];
  return rules.map(({ ports = [], peers = [], i, field, side }) => ({
    ports,
    peers,
    path: spec.child(field).index(i),
    side,
  }));
}

function subnetsOf(policy: NetworkPolicySpec): readonly string[] {
  return rulesOf(policy).flatMap(({ peers }) =>
    peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock.cidr, ...(ipBlock.except ?? [])] : [])),
  );
}

function validateSpec(policy: NetworkPolicySpec, validOld: readonly string[]): readonly FieldError[] {
  const errors: FieldError[] = [...validateLabelSelector(policy.podSelector, spec.child("podSelector"))];
  for (const { ports, peers, path, side } of rulesOf(policy)) {
    errors.push(
      ...ports.flatMap((port, i) => validatePort(port, path.child("ports").index(i))),
      ...peers.flatMap((peer, i) => validatePeer(peer, validOld, path.child(side).index(i))),
    );
  }
  const types = policy.policyTypes ?? [];
  const at = spec.child("policyTypes");
  if (types.length > policyTypes.length) {
    return [...errors, fieldInvalid(at, types, "may not specify more than two policyTypes")];
  }
  for (const [i, type] of types.entries()) {
    if (!policyTypes.includes(type)) errors.push(fieldNotSupported(at.index(i), type, policyTypes));
  }
  return errors;
}

function validatePort({ protocol, port, endPort }: NetworkPolicyPort, path: FieldPath): readonly FieldError[] {
  const at = path.child("endPort");
  const errors: FieldError[] = [];
  if (protocol !== undefined && !protocols.includes(protocol)) {
    errors.push(fieldNotSupported(path.child("protocol"), protocol, protocols));
  }
  if (port === undefined) {
    if (endPort === undefined) return errors;
    return [...errors, fieldInvalid(at, endPort, "may not be specified when `port` is not specified")];
  }
  const own = portNumberOrName(path.child("port"), port);
  if (endPort === undefined) return [...errors, ...own];
  if (typeof port === "string") {
    return [...errors, fieldInvalid(at, endPort, "may not be specified when `port` is non-numeric"), ...own];
  }
  return [
    ...errors,
    ...own,
    ...(endPort < port ? [fieldInvalid(at, port, "must be greater than or equal to `port`")] : []),
    ...syntax(at, endPort, validatePortNumber(endPort)),
  ];
}

function validatePeer(peer: NetworkPolicyPeer, validOld: readonly string[], path: FieldPath): readonly FieldError[] {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  const errors: FieldError[] = [
    ...validateLabelSelector(podSelector, path.child("podSelector")),
    ...validateLabelSelector(namespaceSelector, path.child("namespaceSelector")),
    ...(ipBlock ? validateIpBlock(ipBlock, validOld, path.child("ipBlock")) : []),
  ];
  if (!podSelector && !namespaceSelector && !ipBlock) errors.push(fieldRequired(path, "must specify a peer"));
  else if (ipBlock && (podSelector || namespaceSelector)) {
    errors.push(fieldForbidden(path, "may not specify both ipBlock and another peer"));
  }
  return errors;
}

function validateIpBlock(block: IPBlock, validOld: readonly string[], path: FieldPath): readonly FieldError[] {
  const { cidr, except = [] } = block;
  const at = path.child("cidr");
  if (!cidr) return [fieldRequired(at)];
  const errors: FieldError[] = [...validateLegacyCidr(at, cidr, { strict: true, validOld })];
  const outer = parseNetwork(cidr);
  if (!outer) return errors;
  for (const [i, text] of except.entries()) {
    const item = path.child("except").index(i);
    errors.push(...validateLegacyCidr(item, text, { strict: true, validOld }));
    const inner = parseNetwork(text);
    if (inner && !isStrictlyWithin(inner, outer)) {
      errors.push(fieldInvalid(item, text, "must be a strict subset of `cidr`"));
    }
  }
  return errors;
}

function isStrictlyWithin(inner: IpNetwork, outer: IpNetwork): boolean {
  if (inner.address.family !== outer.address.family || inner.prefixLength <= outer.prefixLength) return false;
  const hostBits = BigInt((outer.address.family === 4 ? 32 : 128) - outer.prefixLength);
  return inner.address.value >> hostBits === outer.address.value >> hostBits;
}
