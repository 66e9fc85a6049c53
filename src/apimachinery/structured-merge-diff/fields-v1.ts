import { isJsonObject } from "../object.ts";
import { type FieldNode, FieldSet } from "./field-set.ts";
import { PathElementError, parsePathElement } from "./path-element.ts";
import type { PathElement } from "./path-element.ts";

type Json = Record<string, unknown>;

/** FieldsV1 of a set: an object per step, `.` where a field that has others below it is itself in the set. */
export function fieldsV1Of(set: FieldSet): Json {
  const out: Json = {};
  writeLevel(set, out);
  return out;
}

function writeLevel(set: FieldSet, out: Json): void {
  for (const [element, { isMember, children }] of set.sorted()) {
    const below: Json = children && isMember ? { ".": {} } : {};
    if (children) writeLevel(children, below);
    out[element] = below;
  }
}

/** The set FieldsV1 stands for. What it does not know is left out, as upstream does it. Throws PathElementError. */
export function fieldSetOf(fields: unknown): FieldSet {
  if (fields === null || fields === undefined) return FieldSet.empty;
  if (!isJsonObject(fields)) throw new PathElementError("fieldsV1 is no object");
  return readLevel(fields).children ?? FieldSet.empty;
}

function readLevel(level: Json): FieldNode {
  const nodes = new Map<PathElement, FieldNode>();
  let isMember = false;
  for (const key of Object.keys(level)) {
    if (key === ".") {
      isMember = true;
      continue;
    }
    const element = parsePathElement(key);
    if (element === undefined) continue;
    const below = level[key];
    if (below !== null && !isJsonObject(below)) throw new PathElementError(`what is below ${key} is no object`);
    nodes.set(element, below === null ? leaf : readLevel(below));
  }
  // What has nothing below it is there for itself.
  return nodes.size === 0 ? leaf : { isMember, children: new FieldSet(nodes) };
}

const leaf: FieldNode = { isMember: true, children: undefined };
