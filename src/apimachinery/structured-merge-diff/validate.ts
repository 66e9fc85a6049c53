import { goValue } from "../go-format.ts";
import { isJsonObject } from "../object.ts";
import type { ApplyType, ListType, MapType, ScalarType } from "./apply-type.ts";
import { memberType, walkedType } from "./apply-type.ts";
import { tryListItemElement } from "./list-item.ts";
import { type Path, type PathElement, fieldElement, formatElement, formatPath } from "./path-element.ts";
import { TypedValueError } from "./typed-error.ts";

/**
 * Checks that a value a client sent fits its type: fields are declared, scalars are of their sort, list items can be told
 * apart and occur once. Throws TypedValueError with everything found, in document order.
 */
export function validateTyped(value: unknown, type: ApplyType): void {
  const problems: string[] = [];
  walk(value, type, [], problems);
  if (problems.length > 0) throw new TypedValueError(problems);
}

function walk(value: unknown, type: ApplyType, path: PathElement[], problems: string[]): void {
  const walked = walkedType(type, value);
  switch (walked.kind) {
    case "scalar":
      return walkScalar(value, walked, path, problems);
    case "list":
      return walkList(value, walked, path, problems);
    case "map":
      return walkMap(value, walked, path, problems);
  }
}

function walkScalar(value: unknown, { scalar }: ScalarType, path: PathElement[], problems: string[]): void {
  if (value === null) return;
  const complain = (text: string): void => void problems.push(at(path, text));
  switch (scalar) {
    case "numeric":
      if (typeof value !== "number" && typeof value !== "bigint")
        complain(`expected numeric (int or float), got ${goTypeOf(value)}`);
      return;
    case "string":
      if (typeof value !== "string")
        complain(`expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`);
      return;
    case "boolean":
      if (typeof value !== "boolean") complain(`expected boolean, got ${boxed(value)}`);
      return;
    case "untyped":
      if (typeof value === "object") complain(`expected any scalar, got ${boxed(value)}`);
  }
}

function walkList(value: unknown, type: ListType, path: PathElement[], problems: string[]): void {
  if (value === null) return;
  if (!Array.isArray(value)) return void problems.push(at(path, `expected list, got ${boxed(value)}`));
  const seen = new Set<string>();
  for (const [i, item] of (value as readonly unknown[]).entries()) {
    if (type.relationship === "atomic") {
      path.push(`i:${i}`);
      walk(item, type.items, path, problems);
      path.pop();
      continue;
    }
    const element = tryListItemElement(item, type);
    if (typeof element !== "string") return void problems.push(at(path, `element ${i}: ${element.problem}`));
    if (seen.has(element)) problems.push(at(path, `duplicate entries for key ${formatElement(element)}`));
    seen.add(element);
    path.push(element);
    walk(item, type.items, path, problems);
    path.pop();
  }
}

function walkMap(value: unknown, type: MapType, path: PathElement[], problems: string[]): void {
  if (value === null || value === undefined) return;
  if (!isJsonObject(value)) return void problems.push(at(path, `expected map, got ${boxed(value)}`));
  for (const name of Object.keys(value)) {
    const member = memberType(type, name);
    path.push(fieldElement(name));
    if (member !== undefined) walk(value[name], member, path, problems);
    else problems.push(at(path, "field not declared in schema"));
    path.pop();
    // As upstream, the members after one that does not exist are not looked at.
    if (member === undefined) return;
  }
}

function at(path: Path, text: string): string {
  return path.length === 0 ? text : `${formatPath(path)}: ${text}`;
}

/** As Go prints the box upstream keeps a value in. */
function boxed(value: unknown): string {
  return `&{${goValue(value)}}`;
}

function goTypeOf(value: unknown): string {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}

/** As Go's `%#v` prints it; what is inside containers is abridged. */
function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (value === null) return "interface {}(nil)";
  if (typeof value !== "object") return goValue(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[string]interface {}{${members.map(([k, v]) => `${JSON.stringify(k)}:${goSyntax(v)}`).join(", ")}}`;
}
