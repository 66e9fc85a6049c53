import type { FieldError } from "../../../apimachinery/validation/field-error.ts";
import { fieldDuplicate, fieldForbidden, fieldNotSupported } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { validateCidr } from "../../../apimachinery/validation/ip.ts";
import { validateLabelValue } from "../../../apimachinery/validation/names.ts";
import { validateLabelName } from "../../../apimachinery/validation/object-meta.ts";
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { Node } from "../../../api/core/v1/types.gen.ts";
import type { Strategy } from "../../../apiserver/registry/rest/strategy.ts";
import { nodeCells } from "../../printers/core.ts";
import { semanticEqual } from "../../../component-helpers/semantic-equal.ts";
import { syntax } from "../../validation/common.ts";
import { taintEffects } from "../../validation/tolerations.ts";

const spec = FieldPath.of("spec");

function validateNode(node: Node): readonly FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, taint] of (node.spec.taints ?? []).entries()) {
    const at = spec.child("taints").index(i);
    errors.push(...validateLabelName(taint.key, at.child("key")));
    if (taint.value) errors.push(...syntax(at.child("value"), taint.value, validateLabelValue(taint.value)));
    if (!taintEffects.includes(taint.effect)) {
      errors.push(fieldNotSupported(at.child("effect"), taint.effect, taintEffects));
    }
    const key = `${taint.effect}/${taint.key}`;
    if (seen.has(key)) {
      errors.push({ ...fieldDuplicate(at, taint), detail: "taints must be unique by key and effect pair" });
    }
    seen.add(key);
  }
  for (const [i, cidr] of (node.spec.podCIDRs ?? []).entries()) {
    errors.push(...validateCidr(spec.child("podCIDRs").index(i), cidr));
  }
  return errors;
}

function validateNodeUpdate(node: Node, old: Node): readonly FieldError[] {
  const errors = [...validateNode(node)];
  if (old.spec.podCIDR && !semanticEqual(node.spec.podCIDRs, old.spec.podCIDRs)) {
    errors.push(fieldForbidden(spec.child("podCIDRs"), 'node updates may not change podCIDR except from "" to valid'));
  }
  if (old.spec.providerID && node.spec.providerID !== old.spec.providerID) {
    errors.push(
      fieldForbidden(spec.child("providerID"), 'node updates may not change providerID except from "" to valid'),
    );
  }
  const names = (node.status.addresses ?? []).map((address) => `${address.type}/${address.address}`);
  const repeated = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (repeated >= 0) {
    errors.push(fieldDuplicate(FieldPath.of("status", "addresses").index(repeated), node.status.addresses?.[repeated]));
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
export const nodeStrategy: Strategy<Node> = {
  hasStatus: false,
  prepareForCreate: alignPodCidrs,
  prepareForUpdate(node: Mutable<Node>, old: Mutable<Node>): void {
    node.status = old.status;
    alignPodCidrs(node);
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  generation: "none",
  selectableFields: ({ spec }: Node) => ({ "spec.unschedulable": String(spec.unschedulable ?? false) }),
  tableCells: nodeCells,
};
