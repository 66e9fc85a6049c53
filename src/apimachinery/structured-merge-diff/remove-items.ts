import { isJsonObject, setMember } from "../object.ts";
import type { ApplyType, ListType, MapType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import { FieldSet } from "./field-set.ts";
import { listItemElement } from "./list-item.ts";
import { fieldElement } from "./path-element.ts";

/** The value without the fields and list items of the set. What is atomic is removed as a whole or not at all. */
export function removeItems(value: unknown, items: FieldSet, type: ApplyType): unknown {
  return items.isEmpty ? value : prune(value, items, type, "remove");
}

/** Only the fields and list items of the set, and what leads to them. */
export function extractItems(value: unknown, items: FieldSet, type: ApplyType): unknown {
  return prune(value, items, type, "extract");
}

type Mode = "remove" | "extract";

/** null is nothing left. */
function prune(value: unknown, items: FieldSet, type: ApplyType, mode: Mode): unknown {
  const walked = walkedType(type, value);
  switch (walked.kind) {
    case "scalar":
      return value;
    case "list":
      if (!Array.isArray(value)) return null;
      if (value.length === 0 || walked.relationship === "atomic") return mode === "extract" ? value : null;
      return mode === "extract" ? extractFromList(value, items, walked) : removeFromList(value, items, walked);
    case "map":
      if (!isJsonObject(value)) return null;
      if (Object.keys(value).length === 0 || walked.isAtomic) return mode === "extract" ? value : null;
      return mode === "extract" ? extractFromMap(value, items, walked) : removeFromMap(value, items, walked);
  }
}

function removeFromList(list: readonly unknown[], items: FieldSet, type: ListType): unknown {
  const out: unknown[] = [];
  let isTouched = false;
  for (const item of list) {
    const node = items.nodes.get(listItemElement(item, type));
    if (node?.isMember) continue;
    if (node?.children) isTouched = true;
    out.push(node?.children ? removeWithin(item, node.children, type.items) : item);
  }
  return out.length > 0 || isTouched ? out : null;
}

function removeFromMap(map: Readonly<Record<string, unknown>>, items: FieldSet, type: MapType): unknown {
  const out: Record<string, unknown> = {};
  let isTouched = false;
  for (const name of Object.keys(map)) {
    const node = items.nodes.get(fieldElement(name));
    if (node?.isMember) continue;
    if (node?.children) isTouched = true;
    setMember(out, name, node?.children ? removeWithin(map[name], node.children, typeOf(type, name)) : map[name]);
  }
  return isTouched || Object.keys(out).length > 0 ? out : null;
}

/** An object or list that loses all it has stays, empty. */
function removeWithin(value: unknown, items: FieldSet, type: ApplyType): unknown {
  const left = prune(value, items, type, "remove");
  if (left !== null) return left;
  if (Array.isArray(value)) return [];
  return isJsonObject(value) ? {} : null;
}

function extractFromList(list: readonly unknown[], items: FieldSet, type: ListType): unknown {
  const out: unknown[] = [];
  for (const item of list) {
    const node = items.nodes.get(listItemElement(item, type));
    if (node) out.push(node.children ? prune(item, node.children, type.items, "extract") : item);
  }
  return out.length > 0 ? out : null;
}

function extractFromMap(map: Readonly<Record<string, unknown>>, items: FieldSet, type: MapType): unknown {
  const out: Record<string, unknown> = {};
  for (const name of Object.keys(map)) {
    const node = items.nodes.get(fieldElement(name));
    if (!node) continue;
    const below = node.isMember ? items : (node.children ?? FieldSet.empty);
    setMember(out, name, prune(map[name], below, typeOf(type, name), "extract"));
  }
  return Object.keys(out).length > 0 ? out : null;
}

function typeOf(type: MapType, name: string): ApplyType {
  return memberType(type, name) ?? { kind: "untyped", isDeduced: false };
}
