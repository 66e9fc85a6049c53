import type { StructSchema } from "../schema/type-schema.ts";

/** The types whose JSON is JSON Schema or something else, while their message has a member for each. */
export type CustomJson = NonNullable<StructSchema["customJson"]>;

type Members = Readonly<Record<string, unknown>>;

/** The JSON of such a message. */
export function fromMembers(form: CustomJson, members: Members): unknown {
  switch (form) {
    case "schemaOrArray":
      return members["jSONSchemas"] ?? members["schema"] ?? null;
    case "schemaOrBool":
      return members["schema"] ?? members["allows"] ?? false;
    case "schemaOrStrings":
      return members["property"] ?? members["schema"] ?? null;
  }
}

/** The members that stand for such JSON. */
export function toMembers(form: CustomJson, value: unknown): Members {
  switch (form) {
    case "schemaOrArray":
      return Array.isArray(value) ? { jSONSchemas: value } : { schema: value };
    case "schemaOrBool":
      // A schema allows what it describes.
      return typeof value === "boolean" ? { allows: value } : { schema: value, allows: value !== null };
    case "schemaOrStrings":
      return Array.isArray(value) ? { property: value } : { schema: value };
  }
}
