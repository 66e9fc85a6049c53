import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceSubresourceScale,
  SelectableField,
} from "../../api/apiextensions/v1/types.gen.ts";
import { internalForm } from "../../api/internal-form.ts";
import { deepEqual } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldDuplicate,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import type { Steps } from "../../component-base/steps.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { findField } from "../rules/field-path-text.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import type { Leniency } from "./leniency.ts";
import type { VersionParts } from "./shared-parts.ts";
import { validateDefaults } from "./validate-defaults.ts";
import { validateRules } from "./validate-rules.ts";
import { unstructurable, validateSchema } from "./validate-schema.ts";
import { validateStructural } from "./validate-structural.ts";

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const selectableFieldsMax = 8;

/** What the parts are judged with. */
export interface PartRules {
  readonly leniency: Leniency;
  /** The definition before an update. */
  readonly old: CustomResourceDefinitionSpec | undefined;
  /** Those the parts are of. */
  readonly versions: readonly string[];
  readonly hasStatus?: boolean;
}

/** All errors of what is said of one version, or once of all. `schemaName` is what the place calls its schema. */
export function* validateParts(
  parts: VersionParts,
  path: FieldPath,
  schemaName: "schema" | "validation",
  rules: PartRules,
): Steps<FieldError[]> {
  const { schema, subresources, additionalPrinterColumns = [], selectableFields = [] } = parts;
  const root = schema?.openAPIV3Schema;
  return [
    ...(root ? yield* validateRoot(root, path.child(schemaName, "openAPIV3Schema"), rules) : []),
    ...(subresources?.scale ? validateScale(subresources.scale, path.child("subresources")) : []),
    ...additionalPrinterColumns.flatMap((column, i) =>
      validateColumn(column, path.child("additionalPrinterColumns").index(i)),
    ),
    ...validateSelectable(selectableFields, root, path.child("selectableFields"), schemaName),
    ...(selectableFields.length > selectableFieldsMax && !hadAsMany(selectableFields, rules)
      ? tooMany(selectableFields, path.child("selectableFields"))
      : []),
  ];
}

function* validateRoot(
  schema: JsonSchema,
  path: FieldPath,
  { leniency, old, versions, hasStatus }: PartRules,
): Steps<FieldError[]> {
  const errors = hasStatus ? validateRootWithStatus(schema, path) : [];
  if (schema.nullable) errors.push(fieldForbidden(path.child("nullable"), "nullable cannot be true at the root"));
  const impossible = yield* unstructurable(schema);
  let isMeaningful = false;
  if (impossible === undefined) {
    const structural = yield* validateStructural(schema, path);
    // Defaults are judged by a schema that means something, and so are rules.
    const found =
      structural.length > 0 ? structural : yield* validateDefaults(schema, path, leniency.allowsUnknownInDefaults);
    isMeaningful = found.length === 0;
    errors.push(...found);
  }
  const { errors: own, isSound } = yield* validateSchema(schema, path, leniency);
  errors.push(...own);
  if (isMeaningful) {
    // A schema that was accepted may cost what it did.
    const before = (name: string): unknown =>
      old?.versions.find((version) => version.name === name)?.schema?.openAPIV3Schema;
    const allowsCostly = versions.every((name) => deepEqual(schema, before(name)));
    errors.push(...(yield* validateRules(schema, path, { allowsCostly, isSound })));
  }
  // The same would have been told of the schema itself.
  if (errors.length === 0 && impossible !== undefined) errors.push(fieldInvalid(path, "", impossible));
  return errors;
}

const besideStatus =
  "Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations";

/** The schema of status is cut out of the whole: what else holds for the whole would be lost for it. */
function validateRootWithStatus(schema: JsonSchema, path: FieldPath): FieldError[] {
  const empty = internalForm({}, "apiextensions/v1.JSONSchemaProps") as Readonly<Record<string, unknown>>;
  const shown = internalForm(schema, "apiextensions/v1.JSONSchemaProps") as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(shown)) {
    if (deepEqual(value, empty[name])) continue;
    if (name === "Type" && value !== "object") {
      const detail = `only "object" is allowed as the type at the root of the schema if the status subresource is enabled`;
      return [fieldInvalid(path.child("type"), value, detail)];
    }
    if (besideStatus.split(" ").includes(name)) continue;
    const detail = `only [${besideStatus}] fields are allowed at the root of the schema if the status subresource is enabled`;
    return [fieldInvalid(path, shown, detail)];
  }
  return [];
}

function validateScale(scale: CustomResourceSubresourceScale, path: FieldPath): FieldError[] {
  const under = (name: string, value: string, roots: readonly string[], where: string): FieldError[] => {
    const at = path.child("scale", name);
    if (value === "") return [fieldRequired(at)];
    const errors = validateSimplePath(value, at);
    if (errors.length > 0 || roots.some((root) => value.startsWith(`${root}.`))) return errors;
    return [fieldInvalid(at, value, `should be a json path under ${where}`)];
  };
  const { specReplicasPath, statusReplicasPath, labelSelectorPath } = scale;
  return [
    ...under("specReplicasPath", specReplicasPath, [".spec"], ".spec"),
    ...under("statusReplicasPath", statusReplicasPath, [".status"], ".status"),
    ...(labelSelectorPath
      ? under("labelSelectorPath", labelSelectorPath, [".spec", ".status"], "either .spec or .status")
      : []),
  ];
}

function validateSimplePath(text: string, path: FieldPath): FieldError[] {
  return text.startsWith(".") ? [] : [fieldInvalid(path, text, "must be a simple json path starting with .")];
}

function validateColumn(column: CustomResourceColumnDefinition, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const typeDetail = `must be one of ${columnTypes.join(",")}`;
  const jsonPath = path.child("JSONPath");
  if (column.name === "") errors.push(fieldRequired(path.child("name")));
  if (column.type === "") errors.push(fieldRequired(path.child("type"), typeDetail));
  else if (!columnTypes.includes(column.type)) errors.push(fieldInvalid(path.child("type"), column.type, typeDetail));
  if (column.format && !columnFormats.includes(column.format))
    errors.push(fieldInvalid(path.child("format"), column.format, `must be one of ${columnFormats.join(",")}`));
  if (column.jsonPath === "") errors.push(fieldRequired(jsonPath));
  else errors.push(...validateSimplePath(column.jsonPath, jsonPath));
  return errors;
}

/** A selectable field is a plain value with a name that says where it is. */
function validateSelectable(
  fields: readonly SelectableField[],
  schema: JsonSchema | undefined,
  path: FieldPath,
  schemaName: "schema" | "validation",
): FieldError[] {
  if (fields.length === 0) return [];
  if (!schema) {
    const detail =
      schemaName === "schema"
        ? "may only be set when `version.schema.openAPIV3Schema` is not included"
        : "may only be set when validations.schema is included";
    return [fieldInvalid(path, "", detail)];
  }
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of fields.entries()) {
    const at = path.index(i).child("jsonPath");
    if (jsonPath === "") {
      errors.push(fieldRequired(at));
      continue;
    }
    const found = findField(jsonPath, schema, { dotsOnly: true });
    if (found.error !== undefined) {
      errors.push(fieldInvalid(at, jsonPath, `is an invalid path: ${found.error}`));
      continue;
    }
    const name = found.path?.toString() ?? "";
    if (/^metadata(?:\.|$)/.test(name)) errors.push(fieldInvalid(at, jsonPath, "must not point to fields in metadata"));
    if (!["boolean", "integer", "string"].includes(found.schema.type ?? "")) {
      const detail =
        "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
      errors.push(fieldInvalid(at, jsonPath, detail));
    }
    if (seen.has(name)) errors.push(fieldDuplicate(at, jsonPath));
    seen.add(name);
  }
  return errors;
}

function tooMany(fields: readonly SelectableField[], path: FieldPath): FieldError[] {
  const { size } = new Set(fields.map(({ jsonPath }) => jsonPath));
  return size > selectableFieldsMax ? [fieldTooMany(path, size, selectableFieldsMax)] : [];
}

function hadAsMany(fields: readonly SelectableField[], { old, versions }: PartRules): boolean {
  return versions.every((name) =>
    deepEqual(fields, old?.versions.find((version) => version.name === name)?.selectableFields),
  );
}
