import { assert } from "../../component-base/assert.ts";
import { setOwn } from "./decode.ts";
import type { ResolvedType, StructField, StructType } from "./type-registry.ts";

/** Sets what is missing, in place, in an object in normal form. Idempotent. */
export type Defaulter = (struct: Record<string, unknown>) => void;

/**
 * Makes and keeps the defaulters of a registry's structs. A struct's own rules come before those of its fields, as upstream's
 * generated functions do it. Subtrees without any default are not walked.
 */
export class DefaulterCache {
  readonly #made = new Map<StructType, Defaulter | undefined>();

  /** Undefined when neither the struct nor anything in it has a default. */
  struct(struct: StructType): Defaulter | undefined {
    if (this.#made.has(struct)) return this.#made.get(struct);
    const defaulter = hasDefaults(struct) ? this.#make(struct) : undefined;
    this.#made.set(struct, defaulter);
    return defaulter;
  }

  /** The steps are made on first use, so that a type may contain itself. */
  #make(struct: StructType): Defaulter {
    let steps: readonly Defaulter[] | undefined;
    return (object) => {
      steps ??= [...ownSteps(struct), ...this.#fieldSteps(struct)];
      for (const step of steps) step(object);
    };
  }

  #fieldSteps(struct: StructType): Defaulter[] {
    const steps: Defaulter[] = [];
    for (const field of struct.fields) {
      if (field.schema.default !== undefined) steps.push(setUnlessSet([field.name], [field], field.schema.default));
      const inner = this.#ofType(field.type);
      if (inner === undefined) continue;
      const { name } = field;
      steps.push((object) => {
        const value = object[name];
        if (value !== undefined && value !== null) inner(value);
      });
    }
    return steps.filter((step) => step !== noStep);
  }

  #ofType(type: ResolvedType): ((value: unknown) => void) | undefined {
    switch (type.kind) {
      case "scalar":
      case "enum":
        return undefined;
      case "struct":
        // Normal form guarantees the object; types with a JSON form of their own have no defaults.
        return this.struct(type.struct) as ((value: unknown) => void) | undefined;
      case "list": {
        const item = this.#ofType(type.items);
        if (item === undefined) return undefined;
        return (value) => {
          for (const each of value as readonly unknown[]) if (each !== null) item(each);
        };
      }
      case "map": {
        const item = this.#ofType(type.values);
        if (item === undefined) return undefined;
        return (value) => {
          for (const each of Object.values(value as object)) if (each !== null) item(each);
        };
      }
    }
  }
}

function hasDefaults(root: StructType): boolean {
  const met = new Set<StructType>();
  const visit = (struct: StructType): boolean => {
    if (met.has(struct)) return false;
    met.add(struct);
    if (struct.schema.customJson !== undefined) return false;
    if (struct.schema.defaults !== undefined || struct.schema.defaulters !== undefined) return true;
    if (struct.inlined.some(visit)) return true;
    return struct.fields.some((field) => field.schema.default !== undefined || reaches(field.type));
  };
  const reaches = (type: ResolvedType): boolean => {
    if (type.kind === "struct") return visit(type.struct);
    if (type.kind === "list") return reaches(type.items);
    return type.kind === "map" && reaches(type.values);
  };
  return visit(root);
}

function ownSteps(struct: StructType): Defaulter[] {
  const steps: Defaulter[] = [];
  for (const [path, value] of Object.entries(struct.schema.defaults ?? {})) {
    const names = path.split(".");
    steps.push(setUnlessSet(names, fieldsAlong(struct, names), value));
  }
  for (const run of struct.schema.defaulters ?? []) steps.push(run as Defaulter);
  for (const inlined of struct.inlined) steps.push(...ownSteps(inlined));
  return steps.filter((step) => step !== noStep);
}

function fieldsAlong(root: StructType, names: readonly string[]): StructField[] {
  let struct: StructType | undefined = root;
  return names.map((name) => {
    const field = struct?.field(name);
    assert(field !== undefined, `a default of ${root.goName} is for ${names.join(".")}, which does not exist`);
    struct = field.type.kind === "struct" ? field.type.struct : undefined;
    return field;
  });
}

const noStep: Defaulter = () => {};

/** Structs on the way that are absent are made. */
function setUnlessSet(names: readonly string[], fields: readonly StructField[], value: unknown): Defaulter {
  const last = names.length - 1;
  const lastName = names[last];
  const field = fields[last];
  assert(lastName !== undefined && field !== undefined, "a default has a path");
  // The zero value of a field that tells no zero from absent is no default.
  if (!field.pointer && field.omit && isZero(value)) return noStep;
  const zeroCounts = field.pointer;
  return (object) => {
    let target = object;
    for (let i = 0; i < last; i++) target = childObject(target, names[i] ?? "");
    const current = target[lastName];
    if (current !== undefined && current !== null && (zeroCounts || !isZero(current))) return;
    const wanted = typeof value === "function" ? (value as (struct: unknown) => unknown)(object) : copyJson(value);
    if (wanted !== undefined) target[lastName] = wanted;
  };
}

function childObject(parent: Record<string, unknown>, name: string): Record<string, unknown> {
  const child = parent[name];
  if (typeof child === "object" && child !== null) return child as Record<string, unknown>;
  const made: Record<string, unknown> = {};
  parent[name] = made;
  return made;
}

function isZero(value: unknown): boolean {
  return value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

/** Two objects never share a default. */
function copyJson(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copyJson);
  const copy: Record<string, unknown> = {};
  for (const [key, member] of Object.entries(value)) setOwn(copy, key, copyJson(member));
  return copy;
}
