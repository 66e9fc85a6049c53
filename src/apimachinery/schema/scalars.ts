import type { ScalarName } from "./type-registry.ts";

/** The value cannot be decoded. `exact` carries the whole text when the type has a parser of its own. */
export class ScalarMismatch extends Error {
  override readonly name = "ScalarMismatch";
  readonly exact: string | undefined;

  constructor(exact?: string) {
    super(exact ?? "type mismatch");
    this.exact = exact;
  }
}

/** How one scalar type reads JSON: the value in normal form, or a ScalarMismatch thrown. null never arrives here. */
export type ScalarDecoder = (value: unknown) => unknown;

/** Of everything that is written even when absent. */
export const scalarZero: Readonly<Record<ScalarName, unknown>> = {
  string: "",
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  bytes: null,
  any: null,
  Quantity: "0",
  IntOrString: 0,
  Time: null,
  MicroTime: null,
  Duration: "0s",
  RawExtension: null,
  FieldsV1: null,
  JSON: null,
};

/** Types that are structs to an encoder: being empty does not leave them out. */
export const structLikeScalars: ReadonlySet<ScalarName> = new Set([
  "Quantity",
  "IntOrString",
  "Time",
  "MicroTime",
  "Duration",
  "RawExtension",
  "FieldsV1",
  "JSON",
]);

/** As error texts name it. */
export const scalarGoName: Readonly<Record<ScalarName, string>> = {
  string: "string",
  bool: "bool",
  int32: "int32",
  int64: "int64",
  double: "float64",
  bytes: "[]uint8",
  any: "interface {}",
  Quantity: "resource.Quantity",
  IntOrString: "intstr.IntOrString",
  Time: "v1.Time",
  MicroTime: "v1.MicroTime",
  Duration: "v1.Duration",
  RawExtension: "runtime.RawExtension",
  FieldsV1: "v1.FieldsV1",
  JSON: "v1.JSON",
};

/** What a JSON value is called in error texts. */
export function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "number":
    case "bigint":
      return "number";
    default:
      return "object";
  }
}

const maxInt32 = 2 ** 31 - 1;
const minInt32 = -(2 ** 31);
const maxInt64 = 2n ** 63n - 1n;
const minInt64 = -(2n ** 63n);

export function decodeString(value: unknown): unknown {
  if (typeof value !== "string") throw new ScalarMismatch();
  return value;
}

function decodeBool(value: unknown): unknown {
  if (typeof value !== "boolean") throw new ScalarMismatch();
  return value;
}

function decodeInt32(value: unknown): unknown {
  if (typeof value !== "number" || !Number.isInteger(value) || value > maxInt32 || value < minInt32) {
    throw new ScalarMismatch();
  }
  return value;
}

/** Integers no double can hold arrive as bigint. */
function decodeInt64(value: unknown): unknown {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  if (typeof value === "bigint" && value <= maxInt64 && value >= minInt64) return value;
  throw new ScalarMismatch();
}

function decodeDouble(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "number") throw new ScalarMismatch();
  return value;
}

const base64Pattern = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const longestAtOnce = 4096;

/** Line breaks are allowed and not kept. */
function decodeBytes(value: unknown): unknown {
  if (typeof value !== "string") throw new ScalarMismatch();
  const text = value.includes("\n") || value.includes("\r") ? value.replaceAll(/[\r\n]/g, "") : value;
  const at = base64ErrorAt(text);
  if (at !== undefined) throw new ScalarMismatch(`illegal base64 data at input byte ${at}`);
  return text;
}

/** Long texts are looked at in pieces: the pattern is no match for megabytes at once. */
function base64ErrorAt(text: string): number | undefined {
  const whole = text.length - (text.length % longestAtOnce);
  for (let i = 0; i < whole; i += longestAtOnce) {
    const piece = text.slice(i, i + longestAtOnce);
    const isLast = i + longestAtOnce >= text.length;
    if (!base64Pattern.test(piece) || (!isLast && piece.endsWith("="))) return i + firstBase64Error(piece);
  }
  const rest = text.slice(whole);
  return base64Pattern.test(rest) ? undefined : whole + firstBase64Error(rest);
}

function firstBase64Error(piece: string): number {
  const bad = piece.search(/[^A-Za-z0-9+/]/);
  if (bad < 0) return piece.length - (piece.length % 4);
  return bad;
}

function decodeIntOrString(value: unknown): unknown {
  if (typeof value === "string") return value;
  if (typeof value === "number" && Number.isInteger(value) && value <= maxInt32 && value >= minInt32) return value;
  throw new ScalarMismatch(`json: cannot unmarshal ${describeValue(value)} into Go value of type int32`);
}

/** As error texts put it: what it is, and which number. */
export function describeValue(value: unknown): string {
  if (typeof value === "number" && !Number.isInteger(value)) return `number ${value}`;
  return jsonKind(value);
}

/** Kept as it came; null is absent. */
function decodeAnything(value: unknown): unknown {
  return value;
}

/** Every scalar but those whose grammar is a module of its own. */
export const scalarDecoders: Readonly<Record<Exclude<ScalarName, "Quantity" | "Time" | "MicroTime">, ScalarDecoder>> = {
  string: decodeString,
  bool: decodeBool,
  int32: decodeInt32,
  int64: decodeInt64,
  double: decodeDouble,
  bytes: decodeBytes,
  any: decodeAnything,
  IntOrString: decodeIntOrString,
  Duration: decodeString,
  RawExtension: decodeAnything,
  FieldsV1: decodeAnything,
  JSON: decodeAnything,
};
