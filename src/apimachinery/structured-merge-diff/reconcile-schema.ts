import type { ApplyType, WalkedType } from "./apply-type.ts";
import { isDeducedMap, memberType, walkedType } from "./apply-type.ts";
import { type FieldNode, FieldSet } from "./field-set.ts";
import { type PathElement, fieldNameOf } from "./path-element.ts";

/**
 * The set as it would be written under today's schema: who owned something inside of what has become atomic since owns the
 * whole. The very same set when nothing changed, which is nearly always.
 */
export function reconcileWithSchema(set: FieldSet, type: ApplyType): FieldSet {
  // Sets live as long as the objects they are of, and are looked at again with each write of those.
  if (knownFit.get(set) === type) return set;
  const reconciled = level(set, walkedType(type, undefined));
  knownFit.set(reconciled, type);
  return reconciled;
}

/** The type a set was last found to fit. Of the module, because nothing but time tells whether it is known here. */
const knownFit = new WeakMap<FieldSet, ApplyType>();

function level(set: FieldSet, type: WalkedType): FieldSet {
  let changed: Map<PathElement, FieldNode> | undefined;
  for (const [element, node] of set.nodes) {
    const below = typeBelow(type, element);
    if (below === undefined || node.children === undefined) continue;
    const now = reconciled(node, node.children, walkedType(below, undefined));
    if (now === node) continue;
    changed ??= new Map(set.nodes);
    changed.set(element, now);
  }
  return changed ? new FieldSet(changed) : set;
}

/** Of a field with something below it. */
function reconciled(node: FieldNode, children: FieldSet, type: WalkedType): FieldNode {
  if (type.kind === "scalar" || isDeducedMap(type)) return node;
  const isAtomic = type.kind === "list" ? type.relationship === "atomic" : type.isAtomic;
  if (isAtomic) return { isMember: true, children: undefined };
  const below = level(children, type);
  return below === children ? node : { isMember: node.isMember, children: below };
}

function typeBelow(type: WalkedType, element: PathElement): ApplyType | undefined {
  if (type.kind === "list") return type.items;
  if (type.kind !== "map" || isDeducedMap(type)) return undefined;
  const name = fieldNameOf(element);
  return name === undefined ? type.values : memberType(type, name);
}
