import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import {
  fieldDuplicate,
  fieldForbidden,
  fieldInternalError,
  fieldInvalid,
} from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import { parseNetwork } from "../../../apimachinery/validation/ip-address.ts";
import { validateLegacyCidr } from "../../../apimachinery/validation/ip.ts";
import { validateLabelValue } from "../../../apimachinery/validation/names.ts";
import { validateLabelName } from "../../../apimachinery/validation/object-meta.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { Node, Taint } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { nodeCells } from "../../printers/core.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { oneOf } from "../../validation/common.ts";
import { internalForm } from "../../../api/internal-form.ts";
import { validateResourceQuantity } from "../../validation/resources.ts";
import { taintEffects } from "../../validation/tolerations.ts";
import { cidrWarnings } from "../../validation/ip-warnings.ts";

const spec = FieldPath.of("spec");

/** The paths of taints are upstream's. */
const taintsPath = FieldPath.of("metadata", "taints");

function validateTaints(taints: readonly Taint[]): readonly FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, i) => {
    const at = taintsPath.index(i);
    const { key, value = "", effect } = taint;
    const valueErrors = validateLabelValue(value).join(";");
    const errors: FieldError[] = [
      ...validateLabelName(key, at.child("key")),
      ...(valueErrors === "" ? [] : [fieldInvalid(at.child("value"), value, valueErrors)]),
      ...oneOf(at.child("effect"), effect, taintEffects),
    ];
    const id = `${effect}/${key}`;
    if (seen.has(id)) {
      const shown = internalForm(taint, "core/v1.Taint");
      errors.push({ ...fieldDuplicate(at, shown), detail: "taints must be unique by key and effect pair" });
    }
    seen.add(id);
    return errors;
  });
}

function validatePodCidrs(cidrs: readonly string[]): readonly FieldError[] {
  const path = spec.child("podCIDRs");
  const errors: FieldError[] = cidrs.flatMap((cidr, i) => validateLegacyCidr(path.index(i), cidr, { strict: true }));
  if (cidrs.length < 2) return errors;
  const networks = cidrs.map((cidr) => parseNetwork(cidr));
  const bad = networks.indexOf(undefined);
  if (bad >= 0) {
    // In the words of Go's parser.
    const why = `invalid CIDR[${bad}]: <nil> (invalid CIDR address: ${cidrs[bad]})`;
    const message = `invalid PodCIDRs. failed to check with dual stack with error:${why}`;
    errors.push(fieldInternalError(path, message));
  }
  const families = new Set(networks.map((network) => network?.address.family));
  if (bad >= 0 || families.size < 2 || cidrs.length > 2) {
    errors.push(fieldInvalid(path, cidrs, "may specify no more than one CIDR for each IP family"));
  }
  return errors;
}

function validateResources({ status }: Node): readonly FieldError[] {
  return (["capacity", "allocatable"] as const).flatMap((field) =>
    Object.entries(status[field] ?? {}).flatMap(([name, value]) =>
      validateResourceQuantity(name, value, FieldPath.of("status", field, name)),
    ),
  );
}

const featureName = /^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/;

function validateDeclaredFeatures(features: readonly string[]): readonly FieldError[] {
  const path = FieldPath.of("status", "declaredFeatures");
  return features.flatMap((name, i) => {
    const errors: FieldError[] = [];
    const rule =
      "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
    const why =
      name.length > featureNameMax
        ? `must be no more than ${featureNameMax} characters`
        : featureName.test(name)
          ? ""
          : rule;
    if (why !== "") errors.push(fieldInvalid(path.index(i), name, `invalid feature name ${goQuote(name)}: ${why}`));
    const next = features[i + 1];
    if (next === name) errors.push(fieldDuplicate(path.index(i + 1), next));
    else if (next !== undefined && next < name) {
      errors.push(fieldInvalid(path.index(i + 1), next, "list must be sorted alphabetically"));
    }
    return errors;
  });
}

const featureNameMax = 253;

function validateNode(node: Node): readonly FieldError[] {
  return [
    ...validateTaints(node.spec.taints ?? []),
    ...validateResources(node),
    ...validateDeclaredFeatures(node.status.declaredFeatures ?? []),
    ...validatePodCidrs(node.spec.podCIDRs ?? []),
  ];
}

function validateNodeUpdate(node: Node, old: Node): readonly FieldError[] {
  const errors: FieldError[] = [...validateNode(node)];
  const names = new Set<string>();
  for (const [i, address] of (node.status.addresses ?? []).entries()) {
    const name = `${address.type}/${address.address}`;
    if (names.has(name)) {
      const shown = internalForm(address, "core/v1.NodeAddress");
      errors.push(fieldDuplicate(FieldPath.of("status", "addresses").index(i), shown));
    }
    names.add(name);
  }
  if ((old.spec.podCIDRs?.length ?? 0) > 0 && !semanticEqual(node.spec.podCIDRs, old.spec.podCIDRs)) {
    errors.push(fieldForbidden(spec.child("podCIDRs"), 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec.providerID && node.spec.providerID !== old.spec.providerID) {
    errors.push(
      fieldForbidden(spec.child("providerID"), 'node updates may not change providerID except from "" to valid'),
    );
  }
  if ((node.spec.externalID ?? "") !== (old.spec.externalID ?? "")) {
    errors.push(fieldForbidden(spec.child("externalID"), "may not be updated"));
  }
  return errors;
}

/** Keeps podCIDR and podCIDRs, two spellings of one thing, in step. */
function alignPodCidrs(node: Mutable<Node>): void {
  const { podCIDR, podCIDRs } = node.spec;
  if (podCIDR && (podCIDRs?.length ?? 0) === 0) node.spec.podCIDRs = [podCIDR];
  else if (!podCIDR && podCIDRs?.[0]) node.spec.podCIDR = podCIDRs[0];
}

/** Nodes register themselves, status included, so creation keeps it; later only the status subresource changes it. */
function nodeWarnings({ spec: node }: Node): readonly string[] {
  return [
    ...(node.configSource ? ["spec.configSource: the feature is removed"] : []),
    ...(node.externalID ? ["spec.externalID: this field is deprecated, and is unused by Kubernetes"] : []),
    ...(node.podCIDRs ?? []).flatMap((cidr, i) => cidrWarnings(cidr, `spec.podCIDRs[${i}]`)),
  ];
}

export const nodeStrategy: Strategy<Node> = {
  hasStatus: false,
  prepareForCreate(node: Mutable<Node>): void {
    // Nodes are no longer configured by the API; one that was keeps what it says.
    delete node.spec.configSource;
    alignPodCidrs(node);
  },
  prepareForUpdate(node: Mutable<Node>, old: Mutable<Node>): void {
    node.status = old.status;
    if (!old.spec.configSource) delete node.spec.configSource;
    alignPodCidrs(node);
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatus: validateNodeUpdate,
  warningsOnCreate: nodeWarnings,
  warningsOnUpdate: nodeWarnings,
  checksNameOnUpdate: true,
  generation: "none",
  selectableFields: ({ spec }: Node) => ({ "spec.unschedulable": String(spec.unschedulable ?? false) }),
  tableCells: nodeCells,
};
