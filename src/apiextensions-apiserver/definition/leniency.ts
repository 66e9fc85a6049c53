import type { CustomResourceDefinitionSpec } from "../../api/apiextensions/v1/types.gen.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { hasUnknownInDefaults } from "./validate-defaults.ts";
import { hasNestedSet, hasUnknownType, validateMapKeysAndItems } from "./validate-lists.ts";
import { hasSubschema } from "./subschemas.ts";

/** What a definition may go on with because it has been stored with it. */
export interface Leniency {
  readonly allowsNoSchema: boolean;
  readonly allowsUnknownTypes: boolean;
  /** Defaults with fields their schemas do not have. */
  readonly allowsUnknownInDefaults: boolean;
  /** Sets of what is no single value. */
  readonly allowsNestedSets: boolean;
  /** Keys of maps that may be absent or null, items of maps and sets that may be null. */
  readonly allowsLooseKeys: boolean;
}

/** `old` is undefined for a new definition, which gets away with nothing. */
export function leniencyFor(old: CustomResourceDefinitionSpec | undefined): Leniency {
  const schemas = old?.versions.map(({ schema }) => schema?.openAPIV3Schema) ?? [];
  const anywhere = (test: (schema: JsonSchema) => boolean): boolean =>
    schemas.some((schema) => schema !== undefined && hasSubschema(schema, test));
  return {
    allowsNoSchema: schemas.includes(undefined),
    allowsUnknownTypes: anywhere(hasUnknownType),
    allowsUnknownInDefaults: anywhere(hasUnknownInDefaults),
    allowsNestedSets: anywhere(hasNestedSet),
    allowsLooseKeys: anywhere((schema) => validateMapKeysAndItems(schema, FieldPath.of("")).length > 0),
  };
}
