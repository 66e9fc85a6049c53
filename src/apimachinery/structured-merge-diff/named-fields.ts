import type { ApplyType } from "./apply-type.ts";
import { memberType } from "./apply-type.ts";
import { type FieldNode, FieldSet } from "./field-set.ts";
import { type PathElement, fieldNameOf, isKeyElement } from "./path-element.ts";

/**
 * The set with every declared field on the way to a member made a member, too: of `a.b.c` also `a`, when `a` is a declared
 * field and not the key of a map.
 */
export function withNamedFields(set: FieldSet, type: ApplyType | undefined): FieldSet {
  const nodes = new Map<PathElement, FieldNode>();
  for (const [element, node] of set.nodes) {
    if (!node.children) {
      nodes.set(element, node);
      continue;
    }
    const name = fieldNameOf(element);
    let below: ApplyType | undefined;
    let isDeclared = false;
    if (name !== undefined && type?.kind === "map") {
      isDeclared = type.field(name) !== undefined;
      below = memberType(type, name);
    } else if (isKeyElement(element) && type?.kind === "list") below = type.items;
    nodes.set(element, { isMember: node.isMember || isDeclared, children: withNamedFields(node.children, below) });
  }
  return nodes.size === 0 ? FieldSet.empty : new FieldSet(nodes);
}
