import { goJson, goQuote } from "../go-format.ts";

/**
 * One step of a path to a field, as text: its canonical form in FieldsV1, so that equal steps are equal strings.
 *
 *     f:replicas                                   a field or a key of a map
 *     k:{"containerPort":80,"protocol":"TCP"}      an item of an associative list, by its keys in order of their names
 *     v:"example.com/finalizer"                    an item of a set
 *     i:0                                          an item by its place
 */
export type PathElement = string;

/** From the root of an object. */
export type Path = readonly PathElement[];

/** The value of one key of a list item. */
export type KeyField = readonly [name: string, value: unknown];

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** Owns and sorts `fields`. */
export function keyElement(fields: KeyField[]): PathElement {
  if (fields.length > 1) fields.sort(([a], [b]) => compareText(a, b));
  let text = "k:{";
  for (const [name, value] of fields) text += `${text.length > 3 ? "," : ""}${scalarJson(name)}:${scalarJson(value)}`;
  return `${text}}`;
}

export function valueElement(value: unknown): PathElement {
  return `v:${scalarJson(value)}`;
}

const plainText = /^[\w ./:-]*$/;

/** goJson of what keys nearly always are, without its generality. */
function scalarJson(value: unknown): string {
  if (typeof value === "string" && plainText.test(value)) return `"${value}"`;
  return goJson(value);
}

/** The name of the field a step leads to; undefined for list items. */
export function fieldNameOf(element: PathElement): string | undefined {
  return element.startsWith("f:") ? element.slice(2) : undefined;
}

export function isKeyElement(element: PathElement): boolean {
  return element.startsWith("k:");
}

/** What is wrong with a text that should be a path element. */
export class PathElementError extends Error {
  override readonly name = "PathElementError";
}

/** The canonical form of a key of FieldsV1; undefined for one of a sort that is not known, which is to be ignored. */
export function parsePathElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new PathElementError("key must be 2 characters long:");
  if (text[1] !== ":") throw new PathElementError(`missing colon: ${text}`);
  const body = text.slice(2);
  switch (text[0]) {
    case "f":
      return text;
    case "k": {
      const value = parseBody(text, body);
      if (typeof value !== "object" || value === null || Array.isArray(value))
        throw new PathElementError(`a key is no object: ${text}`);
      return keyElement(Object.entries(value));
    }
    case "v":
      return valueElement(parseBody(text, body));
    case "i":
      if (!/^[+-]?[0-9]{1,15}$/.test(body)) throw new PathElementError(`an index is no number: ${text}`);
      return `i:${Number(body)}`;
    default:
      return undefined;
  }
}

function parseBody(text: string, body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (error) {
    throw new PathElementError(`path element is no JSON: ${text}`, { cause: error });
  }
}

/** As messages show a path: `.spec.containers[name="web"].image`. */
export function formatPath(path: Path): string {
  return path.map(formatElement).join("");
}

export function formatElement(element: PathElement): string {
  const body = element.slice(2);
  switch (element[0]) {
    case "f":
      return `.${body}`;
    case "k": {
      const fields = Object.entries(JSON.parse(body) as object);
      return `[${fields.map(([name, value]) => `${name}=${formatScalar(value)}`).join(",")}]`;
    }
    case "v":
      return `[=${formatScalar(JSON.parse(body))}]`;
    default:
      return `[${body}]`;
  }
}

function formatScalar(value: unknown): string {
  return typeof value === "string" ? goQuote(value) : goJson(value);
}

const sorts = "fkvi";

/**
 * Elements whose order is that of their texts as the engine compares them: fields without surrogates, which in UTF-16 stand
 * below code points they are above of; and keys and values that are one text whose characters are all above the quote that ends
 * it.
 */
const textOrdered = /^(?:f:[^\ud800-\udfff]*|k:\{"[#-[\]-\ud7ff]*":"[#-[\]-\ud7ff]*"\}|v:"[#-[\]-\ud7ff]*")$/;

/** Sorts in place what comes with path elements into the order of FieldsV1: fields, keyed items, values, places. */
export function sortByPathElement<T>(entries: (readonly [PathElement, T])[]): readonly (readonly [PathElement, T])[] {
  if (entries.length < 2) return entries;
  if (entries.every(([element]) => textOrdered.test(element)))
    return entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  // Parsed once each, not once per comparison.
  const bodies = new Map(entries.map(([element]) => [element, bodyOf(element)]));
  return entries.sort(([a], [b]) => {
    const [sort = "", other = ""] = [a[0], b[0]];
    if (sort !== other) return sorts.indexOf(sort) - sorts.indexOf(other);
    if (sort === "f") return compareText(a, b);
    const [left, right] = [bodies.get(a), bodies.get(b)];
    return sort === "k" ? compareKeys(left as KeyField[], right as KeyField[]) : compareScalars(left, right);
  });
}

/** A key of one text without escapes, as most are: not worth a parser. */
const plainKey = /^k:\{"([^"\\]*)":"([^"\\]*)"\}$/;

/** The fields of a key, the value of an item, the number of a place. */
function bodyOf(element: PathElement): unknown {
  if (element.startsWith("f:")) return undefined;
  const plain = plainKey.exec(element);
  if (plain) return [[plain[1], plain[2]]];
  const body: unknown = JSON.parse(element.slice(2));
  return isKeyElement(element) ? Object.entries(body as object) : body;
}

function compareKeys(left: readonly KeyField[], right: readonly KeyField[]): number {
  for (const [i, [name, value]] of left.entries()) {
    const other = right[i];
    if (other === undefined) return 1;
    const order = compareText(name, other[0]) || compareScalars(value, other[1]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Numbers come before texts, then booleans, then everything else. */
function compareScalars(a: unknown, b: unknown): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  if (left !== right) return left - right;
  if (typeof a === "string") return compareText(a, String(b));
  const [x, y] = left < 3 ? [Number(a), Number(b)] : [goJson(a), goJson(b)];
  return x < y ? -1 : x > y ? 1 : 0;
}

function rankOf(value: unknown): number {
  const rank = ["number", "string", "boolean"].indexOf(typeof value);
  return rank < 0 ? 3 : rank;
}

/** The order of the UTF-8 bytes: that of code points. */
export function compareText(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return codePointOrder(x) - codePointOrder(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others. */
function codePointOrder(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x1_0000 : unit;
}
