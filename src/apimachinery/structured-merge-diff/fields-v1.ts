import type { Steps } from "../../component-base/steps.ts";
import { isJsonObject } from "../object.ts";
import { type FieldNode, FieldSet } from "./field-set.ts";
import { PathElementError, parsePathElement } from "./path-element.ts";
import type { PathElement } from "./path-element.ts";

type Json = Record<string, unknown>;

/** FieldsV1 of a set: an object per step, `.` where a field that has others below it is itself in the set. */
export function* fieldsV1Of(set: FieldSet): Steps<Json> {
  const out: Json = {};
  const large: Level[] = [];
  writeLevel(set, out, large);
  for (let level = large.pop(); level; level = large.pop()) {
    yield;
    const nodes = level.set.sorted();
    for (let i = 0; i < nodes.length; i += pieceMax) {
      yield;
      writeNodes(nodes.slice(i, i + pieceMax), level.out, large);
    }
  }
  return out;
}

/** Levels of more than this are written when all else is done, this many at a time. */
const pieceMax = 1000;

interface Level {
  readonly set: FieldSet;
  readonly out: Json;
}

function writeLevel(set: FieldSet, out: Json, large: Level[]): void {
  if (set.nodes.size > pieceMax) large.push({ set, out });
  else writeNodes(set.sorted(), out, large);
}

function writeNodes(nodes: ReturnType<FieldSet["sorted"]>, out: Json, large: Level[]): void {
  for (const [element, { isMember, children }] of nodes) {
    const below: Json = children && isMember ? { ".": {} } : {};
    if (children) writeLevel(children, below, large);
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
