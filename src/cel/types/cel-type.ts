/** What the checker knows of an expression. Immutable. */
export type CelType =
  | { readonly kind: SimpleKind }
  | { readonly kind: "list"; readonly element: CelType }
  | { readonly kind: "map"; readonly key: CelType; readonly value: CelType }
  /** A type as a value, such as `int` itself. */
  | { readonly kind: "type"; readonly of: CelType }
  /** Known by its functions only. `optional_type` is one, with what it may hold as its parameter. */
  | { readonly kind: "opaque"; readonly name: string; readonly parameters: readonly CelType[] }
  | ObjectType
  /** Stands for any one type within a signature. */
  | { readonly kind: "parameter"; readonly name: string };

export type SimpleKind =
  | "bool"
  | "int"
  | "uint"
  | "double"
  | "string"
  | "bytes"
  | "null"
  | "timestamp"
  | "duration"
  | "dyn"
  /** Of what could not be checked: fits everywhere, so that one mistake is told once. */
  | "error";

/** Fields by name; made when asked for, so that types may refer to themselves. */
export interface ObjectType {
  readonly kind: "object";
  readonly name: string;
  field(name: string): CelType | undefined;
}

export const boolType: CelType = { kind: "bool" };
export const intType: CelType = { kind: "int" };
export const uintType: CelType = { kind: "uint" };
export const doubleType: CelType = { kind: "double" };
export const stringType: CelType = { kind: "string" };
export const bytesType: CelType = { kind: "bytes" };
export const nullType: CelType = { kind: "null" };
export const timestampType: CelType = { kind: "timestamp" };
export const durationType: CelType = { kind: "duration" };
export const dynType: CelType = { kind: "dyn" };
export const errorType: CelType = { kind: "error" };

export function listOf(element: CelType): CelType {
  return { kind: "list", element };
}

export function mapOf(key: CelType, value: CelType): CelType {
  return { kind: "map", key, value };
}

export function opaqueType(name: string, ...parameters: readonly CelType[]): CelType {
  return { kind: "opaque", name, parameters };
}

const optionalName = "optional_type";

export function optionalOf(type: CelType): CelType {
  return opaqueType(optionalName, type);
}

/** What an optional holds; undefined for other types. */
export function heldBy(type: CelType): CelType | undefined {
  return type.kind === "opaque" && type.name === optionalName ? type.parameters[0] : undefined;
}

/** As error messages print it. */
export function formatType(type: CelType): string {
  switch (type.kind) {
    case "list":
      return `list(${formatType(type.element)})`;
    case "map":
      return `map(${formatType(type.key)}, ${formatType(type.value)})`;
    case "type":
      return `type(${formatType(type.of)})`;
    case "opaque":
      return type.parameters.length === 0 ? type.name : `${type.name}(${type.parameters.map(formatType).join(", ")})`;
    case "object":
    case "parameter":
      return type.name;
    case "error":
      return "dyn";
    default:
      return type.kind;
  }
}
