import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  opaqueType,
  optionalOf,
  stringType,
  timestampType,
  uintType,
} from "../types/cel-type.ts";
import { isStruct, kindOf, type Value } from "./value.ts";

const simple: Readonly<Record<string, CelType>> = {
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  null: nullType,
  timestamp: timestampType,
  duration: durationType,
  list: listOf(dynType),
  map: mapOf(dynType, dynType),
  type: { kind: "type", of: dynType },
  optional_type: optionalOf(dynType),
};

/** The type of a value as `type(value)` gives it: without what it holds. */
export function typeOfValue(value: Value): CelType {
  const kind = kindOf(value);
  const known = Object.hasOwn(simple, kind) ? simple[kind] : undefined;
  if (known) return known;
  return isStruct(value) ? { kind: "object", name: kind, field: () => undefined } : opaqueType(kind);
}
