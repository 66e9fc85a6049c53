import { type FieldError, fieldNotSupported, fieldRequired } from "../validation/field-error.ts";
import { childOf, type FieldPath } from "../validation/field-path.ts";
import { isJsonObject } from "./decode.ts";
import type { EnumType, ResolvedType, StructField, StructType } from "./type-registry.ts";

export interface DeclaredValidationOptions {
  /** Whether required texts and lists must not be empty. False leaves presence to the caller's own rules. */
  readonly checkRequired: boolean;
  /** Paths, without indexes, that the caller judges itself: `spec.template.spec.containers.imagePullPolicy`. */
  readonly except?: ReadonlySet<string>;
}

/**
 * What the schema alone can judge: values of closed enumerations (`Unsupported value: "x": supported values: "A", "B"`) and
 * presence of required fields (`Required value`), in path order.
 *
 * It is a helper a strategy calls for its kind, not a rule for all kinds: upstream's validation is written by hand and says
 * some of this in other words, or not at all. `value` is in normal form, after defaulting; `path` is where it stands.
 */
export function validateDeclared(
  struct: StructType,
  value: unknown,
  path: FieldPath | undefined,
  options: DeclaredValidationOptions,
): FieldError[] {
  const walk = new DeclaredWalk(options);
  walk.struct(struct, value, path, "");
  return walk.errors;
}

class DeclaredWalk {
  readonly errors: FieldError[] = [];
  readonly #options: DeclaredValidationOptions;

  constructor(options: DeclaredValidationOptions) {
    this.#options = options;
  }

  struct(struct: StructType, value: unknown, path: FieldPath | undefined, plain: string): void {
    if (!isJsonObject(value) || struct.schema.customJson !== undefined) return;
    for (const field of struct.fields) {
      if (field.inlinedFrom === "TypeMeta") continue;
      const member = value[field.name];
      if (isNothing(member) && !isDemanded(field)) continue;
      const memberPlain = plain === "" ? field.name : `${plain}.${field.name}`;
      if (this.#options.except?.has(memberPlain) === true) continue;
      const memberPath = childOf(path, field.name);
      if (!isNothing(member)) this.#value(field.type, member, memberPath, memberPlain);
      else if (this.#options.checkRequired) this.errors.push(fieldRequired(memberPath));
    }
  }

  #value(type: ResolvedType, value: unknown, path: FieldPath, plain: string): void {
    switch (type.kind) {
      case "scalar":
        return;
      case "enum":
        this.#enum(type.type, value, path);
        return;
      case "struct":
        this.struct(type.struct, value, path, plain);
        return;
      case "list":
        if (!Array.isArray(value) || isJudgedAlready(type.items)) return;
        for (const [index, item] of value.entries()) this.#value(type.items, item, path.index(index), plain);
        return;
      case "map":
        if (!isJsonObject(value) || isJudgedAlready(type.values)) return;
        for (const [key, item] of Object.entries(value)) this.#value(type.values, item, path.key(key), plain);
    }
  }

  #enum(type: EnumType, value: unknown, path: FieldPath): void {
    const { values } = type;
    if (values === undefined || typeof value !== "string" || values.includes(value)) return;
    this.errors.push(
      fieldNotSupported(
        path,
        value,
        values.filter((each) => each !== ""),
      ),
    );
  }
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0);
}

/** Numbers, booleans and structs are never missing: they are zero. */
function isDemanded({ schema, type }: StructField): boolean {
  if (schema.required !== true) return false;
  return type.kind === "list" || type.kind === "enum" || (type.kind === "scalar" && type.scalar === "string");
}

/** Decoding said all there is to say. */
function isJudgedAlready(type: ResolvedType): boolean {
  return type.kind === "scalar" || (type.kind === "enum" && type.type.values === undefined);
}
