import { decodeMicroTime, decodeTime } from "./time-scalars.ts";
import { type ScalarDecoder, ScalarMismatch, scalarDecoders, scalarZero, structLikeScalars } from "./scalars.ts";
import type { ResolvedType, ScalarName, StructField, StructType } from "./type-registry.ts";
import { decodeQuantity } from "./quantity-scalar.ts";

/**
 * Brings parsed JSON into normal form: what an encoder would write after a typed decoder read it. Only known fields, in the
 * order of the schema; structs that are no pointers are there; empty values are there or not as the schema says.
 *
 * Decoders are closures, made once per type when the type is first met. They keep no path: a caller that needs to say what is
 * wrong, and where, walks the value again (diagnose.ts). So valid input pays for no bookkeeping.
 */
export interface DecodeState {
  /** A field was met that its struct does not have; it was left out. */
  hasUnknown: boolean;
}

/** Throws ScalarMismatch when a value has the wrong type. Never called with null or undefined. */
export type Decoder = (value: unknown, state: DecodeState) => unknown;

type JsonObject = Readonly<Record<string, unknown>>;

/** Makes and keeps the decoders of a registry's types. */
export class DecoderCache {
  readonly #structs = new Map<StructType, Decoder>();

  /** The decoder of a struct; its fields' decoders are made when it is first used. */
  struct(struct: StructType): Decoder {
    const known = this.#structs.get(struct);
    if (known !== undefined) return known;
    const decoder = this.#custom(struct) ?? this.#object(struct);
    this.#structs.set(struct, decoder);
    return decoder;
  }

  #of(type: ResolvedType): Decoder {
    switch (type.kind) {
      case "scalar":
        return scalarDecoder(type.scalar);
      case "enum":
        return scalarDecoders.string;
      case "struct":
        return this.struct(type.struct);
      case "list":
        return listDecoder(this.#of(type.items), zeroOf(type.items, this));
      case "map":
        return mapDecoder(this.#of(type.values), zeroOf(type.values, this));
    }
  }

  #object(struct: StructType): Decoder {
    let plans: readonly FieldPlan[] | undefined;
    return (value, state) => {
      if (!isJsonObject(value)) throw new ScalarMismatch();
      plans ??= struct.fields.map((field) => planOf(field, this.#of(field.type), zeroOf(field.type, this)));
      return decodeFields(value, plans, state);
    };
  }

  /** Types whose JSON is one thing or another. */
  #custom(struct: StructType): Decoder | undefined {
    switch (struct.schema.customJson) {
      case undefined:
        return undefined;
      case "schemaOrArray": {
        const schema = this.#memberOf(struct, "schema");
        const schemas = listDecoder(schema, zeroOfStruct(schema));
        return (value, state) => (Array.isArray(value) ? schemas : schema)(value, state);
      }
      case "schemaOrBool": {
        const schema = this.#memberOf(struct, "schema");
        return (value, state) => (typeof value === "boolean" ? value : schema(value, state));
      }
      case "schemaOrStrings": {
        const schema = this.#memberOf(struct, "schema");
        const strings = listDecoder(scalarDecoders.string, () => "");
        return (value, state) => (Array.isArray(value) ? strings : schema)(value, state);
      }
    }
  }

  /** Delayed: the member's type may contain this one. */
  #memberOf(struct: StructType, name: string): Decoder {
    let decoder: Decoder | undefined;
    return (value, state) => {
      decoder ??= this.struct(struct.memberStruct(name));
      return decoder(value, state);
    };
  }
}

/** How one field is decoded. One shape for all fields keeps the loop over them monomorphic. */
interface FieldPlan {
  readonly name: string;
  readonly decode: Decoder;
  /** What is written when the field is absent; undefined for nothing. */
  readonly absent: unknown;
  /** The field is a struct that is written even when absent. */
  readonly absentStruct: ((state: DecodeState) => unknown) | undefined;
  /** Values that count as absent although they were given. */
  readonly dropsEmpty: boolean;
}

function planOf(field: StructField, decode: Decoder, zero: Zero): FieldPlan {
  const { name, type, pointer, omit, schema } = field;
  const plan = { name, decode, absent: undefined, absentStruct: undefined, dropsEmpty: false };
  if (pointer) return omit ? plan : { ...plan, absent: null };
  if (schema.omitZero === true) return { ...plan, dropsEmpty: true };
  if (type.kind === "struct" && type.struct.schema.customJson === undefined) return { ...plan, absentStruct: zero };
  if (type.kind === "scalar" && structLikeScalars.has(type.scalar)) return { ...plan, absent: scalarZero[type.scalar] };
  if (omit) return { ...plan, dropsEmpty: true };
  return { ...plan, absent: type.kind === "list" || type.kind === "map" ? null : zero(neutralState) };
}

const neutralState: DecodeState = { hasUnknown: false };

function decodeFields(input: JsonObject, plans: readonly FieldPlan[], state: DecodeState): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  let seen = 0;
  for (const plan of plans) {
    const given = input[plan.name];
    if (given === undefined || given === null) {
      if (given === null) seen++;
      if (plan.absentStruct !== undefined) out[plan.name] = plan.absentStruct(state);
      else if (plan.absent !== undefined) out[plan.name] = plan.absent;
      continue;
    }
    seen++;
    const value = plan.decode(given, state);
    if (plan.dropsEmpty && isEmpty(value)) continue;
    out[plan.name] = value;
  }
  if (seen !== Object.keys(input).length) state.hasUnknown = true;
  return out;
}

function isEmpty(value: unknown): boolean {
  if (typeof value === "object" && value !== null) {
    if (Array.isArray(value)) return value.length === 0;
    for (const _ in value) return false;
    return true;
  }
  return value === "" || value === 0 || value === false || value === null;
}

/** Makes what a null stands for inside a list or map. */
type Zero = (state: DecodeState) => unknown;

function zeroOf(type: ResolvedType, decoders: DecoderCache): Zero {
  switch (type.kind) {
    case "scalar": {
      const zero = scalarZero[type.scalar];
      return () => zero;
    }
    case "enum":
      return () => "";
    case "struct":
      return type.struct.schema.customJson === undefined
        ? (state) => decoders.struct(type.struct)(emptyObject, state)
        : () => null;
    case "list":
    case "map":
      return () => null;
  }
}

const emptyObject: JsonObject = Object.freeze({});

function zeroOfStruct(decoder: Decoder): Zero {
  return (state) => decoder(emptyObject, state);
}

function listDecoder(item: Decoder, zero: Zero): Decoder {
  return (value, state) => {
    if (!Array.isArray(value)) throw new ScalarMismatch();
    const out: unknown[] = [];
    for (const given of value as readonly unknown[]) out.push(given === null ? zero(state) : item(given, state));
    return out;
  };
}

function mapDecoder(item: Decoder, zero: Zero): Decoder {
  return (value, state) => {
    if (!isJsonObject(value)) throw new ScalarMismatch();
    const out: Record<string, unknown> = {};
    for (const key of Object.keys(value)) {
      const given = value[key];
      if (given === undefined) continue;
      setOwn(out, key, given === null ? zero(state) : item(given, state));
    }
    return out;
  };
}

/** Assigns a key that a client chose: `__proto__` is a key like any other. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  } else target[key] = value;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function scalarDecoder(scalar: ScalarName): ScalarDecoder {
  return scalarReaders[scalar];
}

const scalarReaders: Readonly<Record<ScalarName, ScalarDecoder>> = {
  ...scalarDecoders,
  Quantity: decodeQuantity,
  Time: decodeTime,
  MicroTime: decodeMicroTime,
};
