import type { FieldPatchSchema, PatchSchema } from "../patch/patch-schema.ts";
import type { ResolvedType, StructType } from "./type-registry.ts";

/** The strategic-merge semantics of a struct; nested ones are made when asked for. */
export function patchSchemaOf(struct: StructType): PatchSchema {
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

function nestedSchema(type: ResolvedType): PatchSchema | undefined {
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
