import type { ResolvedType, StructType } from "./type-registry.ts";

/** What strategic merge needs to know of the fields of one object. */
export interface StructPatchSchema {
  field(name: string): FieldPatchSchema | undefined;
}

export interface FieldPatchSchema {
  readonly strategies: readonly string[];
  readonly mergeKey?: string;
  /** Of the object, of each item of the list, or of each value of the map that the field holds. */
  readonly schema?: StructPatchSchema;
}

/** The strategic-merge semantics of a struct; nested ones are made when asked for. */
export function patchSchemaOf(struct: StructType): StructPatchSchema {
  const known = new Map<string, FieldPatchSchema | undefined>();
  return {
    field(name) {
      if (!known.has(name)) known.set(name, fieldPatchSchema(struct, name));
      return known.get(name);
    },
  };
}

function fieldPatchSchema(struct: StructType, name: string): FieldPatchSchema | undefined {
  const field = struct.field(name);
  if (field === undefined) return undefined;
  const { patchStrategy, patchMergeKey } = field.schema;
  const schema = nestedSchema(field.type);
  return {
    strategies: patchStrategy ?? [],
    ...(patchMergeKey === undefined ? {} : { mergeKey: patchMergeKey }),
    ...(schema === undefined ? {} : { schema }),
  };
}

function nestedSchema(type: ResolvedType): StructPatchSchema | undefined {
  switch (type.kind) {
    case "scalar":
    case "enum":
      return undefined;
    case "struct":
      return patchSchemaOf(type.struct);
    case "list":
      return nestedSchema(type.items);
    case "map": {
      const value = nestedSchema(type.values);
      const field: FieldPatchSchema = value === undefined ? { strategies: [] } : { strategies: [], schema: value };
      return { field: () => field };
    }
  }
}
