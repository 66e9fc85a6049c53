import { parseDuration } from "../../apimachinery/time.ts";
import { errorText } from "../../component-base/logger.ts";

export type FieldKind = "bool" | "int" | "number" | "string" | "duration" | "list" | "objects" | "map" | "object";

/** One field of a configuration file. */
export interface Field {
  readonly kind: FieldKind;
  readonly default: unknown;
  /** Whether zero, false or empty is a value; otherwise it is the same as nothing. */
  readonly keepsZero: boolean;
  /** Whether nothing but the default is supported. */
  readonly isFixed: boolean;
}

/** Fields by name, objects of fields among them. */
export interface FieldTable {
  readonly [name: string]: Field | FieldTable;
}

export function field(kind: FieldKind, value: unknown): Field {
  return { kind, default: value, keepsZero: kind === "bool", isFixed: false };
}

/** A field that upstream holds as a pointer: zero is a value. */
export function pointer(kind: FieldKind, value: unknown): Field {
  return { kind, default: value, keepsZero: true, isFixed: false };
}

export function fixed(kind: FieldKind, value: unknown): Field {
  return { kind, default: value, keepsZero: false, isFixed: true };
}

const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const isEmptyObject = (value: unknown): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Whether a value of the kind is what Go leaves out. */
export const zeroes: Readonly<Record<FieldKind, (value: unknown) => boolean>> = {
  // A switch that is on by default is a pointer upstream, so that off is a value.
  bool: () => false,
  int: (value) => value === 0,
  number: (value) => value === 0,
  string: (value) => value === "",
  duration: (value) => value === 0 || value === "" || parseDuration(String(value)) === 0,
  list: (value) => isList(value) && value.length === 0,
  objects: (value) => isList(value) && value.length === 0,
  map: isEmptyObject,
  object: isEmptyObject,
};

/** What is wrong with the type of a value; undefined when nothing is. */
export function mismatch(kind: FieldKind, value: unknown): string | undefined {
  switch (kind) {
    case "bool":
      return typeof value === "boolean" ? undefined : expected("a boolean", value);
    case "int":
      return Number.isInteger(value) ? undefined : expected("an integer", value);
    case "number":
      return typeof value === "number" ? undefined : expected("a number", value);
    case "string":
      return typeof value === "string" ? undefined : expected("a string", value);
    case "duration":
      if (value === 0) return undefined;
      if (typeof value !== "string") return expected("a duration such as 1m30s", value);
      try {
        parseDuration(value);
        return undefined;
      } catch (error) {
        return errorText(error);
      }
    case "list":
      return isList(value) && value.every((item) => typeof item === "string" || typeof item === "number")
        ? undefined
        : expected("a list of strings", value);
    case "objects":
      return isList(value) && value.every((item) => typeof item === "object" && item !== null)
        ? undefined
        : expected("a list of objects", value);
    case "map":
      return typeof value === "object" && value !== null && Object.values(value).every((v) => typeof v === "string")
        ? undefined
        : expected("a map of strings", value);
    case "object":
      return typeof value === "object" && value !== null ? undefined : expected("an object", value);
  }
}

function expected(what: string, value: unknown): string {
  return `expected ${what}, got ${JSON.stringify(value)}`;
}
