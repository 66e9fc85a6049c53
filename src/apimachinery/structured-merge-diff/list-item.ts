import { goQuote } from "../go-format.ts";
import { isJsonObject } from "../object.ts";
import type { ApplyType, ListType } from "./apply-type.ts";
import { type KeyField, type PathElement, keyElement, valueElement } from "./path-element.ts";
import { TypedValueError } from "./typed-error.ts";

/** How an item of an associative list is known. Throws TypedValueError for one that cannot be told from others. */
export function listItemElement(item: unknown, list: ListType): PathElement {
  const element = list.relationship === "set" ? setElement(item) : keyedElement(item, list);
  if (typeof element !== "string") throw new TypedValueError([element.problem]);
  return element;
}

/** The same for an item that may be malformed: the problem instead of a failure. */
export function tryListItemElement(item: unknown, list: ListType): PathElement | Problem {
  return list.relationship === "set" ? setElement(item) : keyedElement(item, list);
}

export interface Problem {
  readonly problem: string;
}

function setElement(item: unknown): PathElement | Problem {
  if (item === null || item === undefined)
    return { problem: "associative list without keys has an element that's an explicit null" };
  if (Array.isArray(item)) return { problem: "not supported: associative list with lists as elements" };
  if (typeof item === "object") return { problem: "associative list without keys has an element that's a map type" };
  return valueElement(item);
}

function keyedElement(item: unknown, list: ListType): PathElement | Problem {
  if (item === null || item === undefined) return { problem: "associative list with keys may not have a null element" };
  if (!isJsonObject(item)) return { problem: "associative list with keys may not have non-map elements" };
  const fields: KeyField[] = [];
  for (const name of list.keys) {
    const given = Object.hasOwn(item, name) ? item[name] : undefined;
    const value = given === undefined ? keyDefault(list.items, name) : given;
    // An item without the key is another one than an item with it, whatever its value.
    if (value !== undefined) fields.push([name, value]);
  }
  if (fields.length === 0) {
    const keys = list.keys.map(goQuote).join(" ");
    return {
      problem: `associative list with keys has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`,
    };
  }
  return keyElement(fields);
}

function keyDefault(items: ApplyType, name: string): unknown {
  return items.kind === "map" ? items.field(name)?.keyDefault : undefined;
}
