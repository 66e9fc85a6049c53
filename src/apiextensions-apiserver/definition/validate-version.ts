import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
} from "../../api/apiextensions/v1/types.gen.ts";
import { deepEqual, isJsonObject } from "../../apimachinery/object.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldInvalid,
  fieldRequired,
  fieldTooMany,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { validateDns1035Label } from "../../apimachinery/validation/names.ts";
import { JsonPath, JsonPathError } from "../jsonpath/json-path.ts";
import { isEmbeddedResource, type JsonSchema, propertySchema } from "../schema/json-schema.ts";
import { finish } from "../../component-base/steps.ts";
import { RuleValidator } from "../rules/rule-validator.ts";
import { prune } from "../schema/prune.ts";
import { SchemaValidator } from "../schema/validate.ts";
import { structuralSubschemas } from "./subschemas.ts";
import { validateRules } from "./validate-rules.ts";
import { validateSchema } from "./validate-schema.ts";
import { validateStructural } from "./validate-structural.ts";

const columnTypes = ["boolean", "date", "integer", "number", "string"];
const columnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const selectableFieldsMax = 8;

/** All errors of one version of a definition. */
export function validateVersion(
  version: CustomResourceDefinitionVersion,
  path: FieldPath,
  before: CustomResourceDefinitionVersion | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const message of validateDns1035Label(version.name))
    errors.push(fieldInvalid(path.child("name"), version.name, message));
  if (version.deprecationWarning !== undefined) errors.push(...validateDeprecation(version, path));
  const schema = version.schema?.openAPIV3Schema;
  const schemaPath = path.child("schema", "openAPIV3Schema");
  if (schema) {
    const own = [...validateSchema(schema, schemaPath), ...validateStructural(schema, schemaPath)];
    errors.push(...own);
    // Defaults are judged by a schema that means something.
    const meaning = own.length > 0 ? [] : validateDefaults(schema, schemaPath, true);
    errors.push(...meaning);
    // A schema that was accepted may cost what it did.
    const allowsCostly = deepEqual(schema, before?.schema?.openAPIV3Schema);
    if (own.length + meaning.length === 0) errors.push(...validateRules(schema, schemaPath, { allowsCostly }));
  } else errors.push(fieldRequired(schemaPath, "schemas are required"));
  errors.push(...validateScale(version, path.child("subresources", "scale")));
  for (const [i, column] of (version.additionalPrinterColumns ?? []).entries())
    errors.push(...validateColumn(column, path.child("additionalPrinterColumns").index(i)));
  errors.push(...validateSelectableFields(version, path.child("selectableFields")));
  return errors;
}

function validateDeprecation(
  { deprecated, deprecationWarning = "" }: CustomResourceDefinitionVersion,
  path: FieldPath,
): FieldError[] {
  const at = path.child("deprecationWarning");
  const errors: FieldError[] = [];
  if (deprecated !== true) errors.push(fieldInvalid(at, deprecationWarning, "can only be set for deprecated versions"));
  if (deprecationWarning === "") errors.push(fieldInvalid(at, deprecationWarning, "must not be empty"));
  else if (/^\s|\s$/.test(deprecationWarning))
    errors.push(fieldInvalid(at, deprecationWarning, "must not contain leading or trailing whitespace"));
  if (new TextEncoder().encode(deprecationWarning).length > 256)
    errors.push(fieldInvalid(at, deprecationWarning, "must be <= 256 characters in length"));
  // oxlint-disable-next-line no-control-regex -- control characters are what must not be there.
  if (/[\u0000-\u001f\u007f]/.test(deprecationWarning))
    errors.push(fieldInvalid(at, deprecationWarning, "must only contain printable UTF-8 characters"));
  return errors;
}

/** A default keeps the rules of its schema, as one that stays and as a new one. */
function validateByRules(value: unknown, schema: JsonSchema, path: FieldPath): readonly FieldError[] {
  const validator = new RuleValidator(schema, isEmbeddedResource(schema));
  const errors = finish(validator.validate(value, value, { path }));
  return errors.length > 0 ? errors : finish(validator.validate(value, undefined, { path }));
}

/** A default has to be a value its own schema takes, without fields the schema would drop. */
function validateDefaults(schema: JsonSchema, path: FieldPath, isRoot = false): FieldError[] {
  const errors: FieldError[] = [];
  const value = schema.default;
  const at = path.child("default");
  if (value !== undefined) {
    if (isRoot) errors.push(fieldForbidden(at, "must not be set at the root"));
    if (isJsonObject(value)) {
      const unknown: string[] = [];
      prune({ value }, { properties: { value: schema } }, (field) => void unknown.push(field));
      if (unknown.length > 0) errors.push(fieldInvalid(at, value, "must not have unknown fields"));
    }
    const validated = new SchemaValidator({ properties: { default: schema } }).validate({
      default: value,
    });
    const parent = path.toString();
    errors.push(
      ...validated.map((error) => ({
        ...error,
        field: error.field === "<nil>" ? at.toString() : `${parent}.${error.field}`,
      })),
    );
    if (errors.length === 0) errors.push(...validateByRules(value, schema, at));
  }
  for (const { schema: inner, at: innerAt } of structuralSubschemas(schema))
    errors.push(...validateDefaults(inner, innerAt(path)));
  return errors;
}

function validateScale({ subresources }: CustomResourceDefinitionVersion, path: FieldPath): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  const errors: FieldError[] = [];
  const simple = (name: string, value: string, root: readonly string[]): void => {
    const at = path.child(name);
    if (!/^(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/.test(value))
      errors.push(fieldInvalid(at, value, "should be a json path without array notation"));
    if (!root.some((prefix) => value.startsWith(`${prefix}.`)))
      errors.push(fieldInvalid(at, value, `should be a json path under ${root.join(" or ")}`));
  };
  if (scale.specReplicasPath === "") errors.push(fieldRequired(path.child("specReplicasPath")));
  else simple("specReplicasPath", scale.specReplicasPath, [".spec"]);
  if (scale.statusReplicasPath === "") errors.push(fieldRequired(path.child("statusReplicasPath")));
  else simple("statusReplicasPath", scale.statusReplicasPath, [".status"]);
  if (scale.labelSelectorPath) simple("labelSelectorPath", scale.labelSelectorPath, [".spec", ".status"]);
  return errors;
}

function validateColumn(column: CustomResourceColumnDefinition, path: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (column.name === "") errors.push(fieldRequired(path.child("name")));
  if (column.type === "") errors.push(fieldRequired(path.child("type"), `must be one of ${columnTypes.join(",")}`));
  else if (!columnTypes.includes(column.type))
    errors.push(fieldInvalid(path.child("type"), column.type, `must be one of ${columnTypes.join(",")}`));
  if (column.format && !columnFormats.includes(column.format))
    errors.push(fieldInvalid(path.child("format"), column.format, `must be one of ${columnFormats.join(",")}`));
  if (column.jsonPath === "") errors.push(fieldRequired(path.child("jsonPath")));
  else errors.push(...validateJsonPath(column.jsonPath, path.child("jsonPath"), "unrecognized character in action"));
  return errors;
}

function validateJsonPath(text: string, path: FieldPath, otherwise: string): FieldError[] {
  try {
    if (!text.startsWith(".")) throw new JsonPathError(otherwise);
    JsonPath.parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof JsonPathError)) throw error;
    return [fieldInvalid(path, text, `is an invalid path: ${error.message}`)];
  }
}

/** A selectable field is a plain value with a name that says where it is. */
function validateSelectableFields(version: CustomResourceDefinitionVersion, path: FieldPath): FieldError[] {
  const fields = version.selectableFields ?? [];
  const errors: FieldError[] = [];
  if (fields.length > selectableFieldsMax) errors.push(fieldTooMany(path, fields.length, selectableFieldsMax));
  const seen = new Set<string>();
  for (const [i, { jsonPath }] of fields.entries()) {
    const at = path.index(i).child("jsonPath");
    if (jsonPath === "") {
      errors.push(fieldRequired(at));
      continue;
    }
    if (seen.has(jsonPath))
      errors.push({ type: "FieldValueDuplicate", field: at.toString(), badValue: jsonPath, detail: "" });
    seen.add(jsonPath);
    const invalidPath = validateJsonPath(jsonPath, at, "must start with a dot");
    errors.push(...invalidPath);
    if (invalidPath.length > 0) continue;
    const members = JsonPath.parse(jsonPath).members;
    if (!members) {
      errors.push(fieldInvalid(at, jsonPath, "is an invalid path: only field names are allowed"));
      continue;
    }
    if (members[0] === "metadata") errors.push(fieldInvalid(at, jsonPath, "must not point to fields in metadata"));
    else errors.push(...validateSelected(version.schema?.openAPIV3Schema, members, jsonPath, at));
  }
  return errors;
}

function validateSelected(
  root: JsonSchema | undefined,
  members: readonly string[],
  text: string,
  path: FieldPath,
): FieldError[] {
  let schema = root;
  for (const member of members) schema = propertySchema(schema, member);
  if (!schema) return [fieldInvalid(path, text, `is an invalid path: does not refer to a valid field`)];
  if (!["boolean", "integer", "string"].includes(schema.type ?? ""))
    return [
      fieldInvalid(
        path,
        text,
        "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.",
      ),
    ];
  return [];
}
