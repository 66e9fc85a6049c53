import { isJsonObject } from "../object.ts";
import type { ApplyType, ListType, MapType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import { type FieldNode, FieldSet } from "./field-set.ts";
import { listItemElement } from "./list-item.ts";
import { type PathElement, fieldElement } from "./path-element.ts";

/** Every leaf and every list item a value mentions. Throws TypedValueError for list items that cannot be told apart. */
export function fieldSetOfValue(value: unknown, type: ApplyType): FieldSet {
  return nodeOf(value, type).children ?? FieldSet.empty;
}

const leaf: FieldNode = { isMember: true, children: undefined };
const nothing: FieldNode = { isMember: false, children: undefined };

function nodeOf(value: unknown, type: ApplyType): FieldNode {
  const walked = walkedType(type, value);
  switch (walked.kind) {
    case "scalar":
      return leaf;
    case "list":
      if (walked.relationship === "atomic") return leaf;
      return Array.isArray(value) ? listNode(value, walked) : nothing;
    case "map":
      if (walked.isAtomic) return leaf;
      return isJsonObject(value) ? mapNode(value, walked) : nothing;
  }
}

function mapNode(value: Readonly<Record<string, unknown>>, type: MapType): FieldNode {
  const nodes = new Map<PathElement, FieldNode>();
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    const declared = type.field(name);
    const node = nodeOf(member, declared?.type ?? memberType(type, name) ?? { kind: "untyped", isDeduced: false });
    // A declared field is in the set by what is below it, unless nothing is.
    const isMember = node.isMember || declared === undefined || member === null || isEmptyObject(member);
    if (isMember || node.children) nodes.set(fieldElement(name), { isMember, children: node.children });
  }
  return branch(nodes);
}

function listNode(items: readonly unknown[], type: ListType): FieldNode {
  const nodes = new Map<PathElement, FieldNode>();
  for (const item of items) {
    const element = listItemElement(item, type);
    // Items that occur again are owned together, as a whole.
    if (nodes.has(element)) nodes.set(element, leaf);
    else nodes.set(element, { isMember: true, children: nodeOf(item, type.items).children });
  }
  return branch(nodes);
}

function branch(nodes: ReadonlyMap<PathElement, FieldNode>): FieldNode {
  return nodes.size === 0 ? nothing : { isMember: false, children: new FieldSet(nodes) };
}

function isEmptyObject(value: unknown): boolean {
  return isJsonObject(value) && Object.keys(value).length === 0;
}
