import { isJsonObject, scalarDecoder } from "./decode.ts";
import { describeValue, jsonKind, ScalarMismatch, scalarGoName } from "./scalars.ts";
import type { ResolvedType, ScalarName, StructField, StructType } from "./type-registry.ts";

/** What is wrong with a value, in the order of the document. */
export interface Diagnosis {
  readonly unknownFields: readonly string[];
  /** The decoder's text for the failure it reports, if there is one. */
  readonly error: string | undefined;
}

/** No more unknown fields than this are told. */
const unknownFieldsMax = 100;

/**
 * Walks a value that decode() found something wrong with, this time knowing where it is. The first type mismatch is reported,
 * unless a value that has a parser of its own (a quantity, a time) fails: that ends the walk. `literals` tells by path how
 * numbers are written that are not written as integers of 64 bits; where an integer is wanted they are mismatches, too.
 */
export function diagnose(struct: StructType, value: unknown, literals: Literals = noLiterals): Diagnosis {
  const walk = new Walk(literals);
  try {
    walk.struct(struct, value);
  } catch (error) {
    if (error instanceof ScalarMismatch && error.exact !== undefined) {
      return { unknownFields: walk.unknownFields, error: error.exact };
    }
    throw error;
  }
  return { unknownFields: walk.unknownFields, error: walk.firstMismatch };
}

type Literals = ReadonlyMap<string, string>;

const noLiterals: Literals = new Map();

class Walk {
  readonly unknownFields: string[] = [];
  firstMismatch: string | undefined;
  /** `spec.containers[0]`: with indexes and map keys. */
  readonly #path: string[] = [];
  /** Field names only: what type errors print. */
  readonly #fields: string[] = [];
  #enclosing: StructType | undefined;
  readonly #literals: Literals;

  constructor(literals: Literals) {
    this.#literals = literals;
  }

  struct(struct: StructType, value: unknown): void {
    if (struct.schema.customJson !== undefined) {
      this.#custom(struct, value);
      return;
    }
    if (!isJsonObject(value)) {
      this.#mismatch(jsonKind(value), struct.goName);
      return;
    }
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      const field = struct.field(name);
      this.#path.push(this.#path.length === 0 ? name : `.${name}`);
      if (field === undefined) this.#unknown();
      else this.#member(struct, field, member);
      this.#path.pop();
    }
  }

  #member(struct: StructType, field: StructField, value: unknown): void {
    const outer = this.#enclosing;
    this.#enclosing = struct;
    this.#fields.push(field.name);
    this.#value(field.type, value);
    this.#fields.pop();
    this.#enclosing = outer;
  }

  #unknown(): void {
    if (this.unknownFields.length < unknownFieldsMax) this.unknownFields.push(this.#path.join(""));
  }

  #value(type: ResolvedType, value: unknown): void {
    if (value === null || value === undefined) return;
    switch (type.kind) {
      case "scalar":
        this.#scalar(type.scalar, value);
        return;
      case "enum":
        if (typeof value !== "string") this.#mismatch(jsonKind(value), type.type.goName);
        return;
      case "struct":
        this.struct(type.struct, value);
        return;
      case "list":
        if (!Array.isArray(value)) this.#mismatch(jsonKind(value), goName(type));
        else this.#items(type.items, value);
        return;
      case "map":
        if (!isJsonObject(value)) this.#mismatch(jsonKind(value), goName(type));
        else this.#entries(type.values, value);
    }
  }

  #items(type: ResolvedType, items: readonly unknown[]): void {
    for (const [index, item] of items.entries()) {
      this.#path.push(`[${index}]`);
      this.#value(type, item);
      this.#path.pop();
    }
  }

  #entries(type: ResolvedType, entries: Readonly<Record<string, unknown>>): void {
    for (const [key, value] of Object.entries(entries)) {
      this.#path.push(`.${key}`);
      this.#value(type, value);
      this.#path.pop();
    }
  }

  #custom(struct: StructType, value: unknown): void {
    if (Array.isArray(value)) {
      if (struct.schema.customJson === "schemaOrStrings") {
        for (const item of value) if (typeof item !== "string") this.#mismatch(jsonKind(item), "string");
      } else this.#items({ kind: "struct", struct: struct.memberStruct("schema") }, value);
    } else if (!(typeof value === "boolean" && struct.schema.customJson === "schemaOrBool")) {
      this.struct(struct.memberStruct("schema"), value);
    }
  }

  #scalar(scalar: ScalarName, value: unknown): void {
    const literal = this.#literals.size === 0 ? undefined : this.#literals.get(this.#path.join(""));
    const integer = integers[scalar];
    if (literal !== undefined && integer !== undefined) {
      this.#mismatch(`number ${literal}`, integer);
      return;
    }
    const goName = scalarGoName[scalar];
    try {
      scalarDecoder(scalar)(value);
    } catch (error) {
      if (!(error instanceof ScalarMismatch)) throw error;
      // Some parsers of their own unmarshal a plain value, and what fails then is told like any member's.
      const [, what, into] = /^json: cannot unmarshal (.*) into Go value of type (\w+)$/.exec(error.exact ?? "") ?? [];
      if (what !== undefined && into !== undefined) {
        this.#mismatch(what, into);
        return;
      }
      if (error.exact !== undefined) throw error;
      const isNumber = typeof value === "number" || typeof value === "bigint";
      const isOutOfRange = isNumber && (goName === "int32" || goName === "int64");
      this.#mismatch(isOutOfRange ? `number ${value}` : describeValue(value), goName);
    }
  }

  #mismatch(what: string, goName: string): void {
    if (this.firstMismatch !== undefined) return;
    const where =
      this.#enclosing === undefined ? "Go value" : `Go struct field ${this.#enclosing.name}.${this.#fields.join(".")}`;
    this.firstMismatch = `json: cannot unmarshal ${what} into ${where} of type ${goName}`;
  }
}

/** What of Go's integers a scalar is read as. */
const integers: Partial<Record<ScalarName, string>> = { int32: "int32", int64: "int64", IntOrString: "int32" };

function goName(type: ResolvedType): string {
  switch (type.kind) {
    case "scalar":
      return scalarGoName[type.scalar];
    case "enum":
      return type.type.goName;
    case "struct":
      return type.struct.goName;
    case "list":
      return `[]${goName(type.items)}`;
    case "map": {
      // Maps of quantities by resource name are the one map type with a name of its own.
      if (type.keys?.name === "ResourceName" && goName(type.values) === "resource.Quantity") return "v1.ResourceList";
      return `map[${type.keys?.goName ?? "string"}]${goName(type.values)}`;
    }
  }
}
