import type {
  CustomResourceDefinitionVersion,
  CustomResourceSubresourceScale,
} from "../../api/apiextensions/v1/types.gen.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { methodNotSupported } from "../../apimachinery/errors/new.ts";
import { cloneJson, deepEqual } from "../../apimachinery/object.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import {
  type FieldError,
  type FieldErrorType,
  fieldInvalid,
  formatFieldError,
} from "../../apimachinery/validation/field-error.ts";
import type { Steps } from "../../component-base/steps.ts";
import type { Strategy, SubresourceStrategy } from "../../apiserver/registry/rest/strategy.ts";
import { hasRules, RuleValidator } from "../rules/rule-validator.ts";
import { type JsonSchema, propertySchema } from "../schema/json-schema.ts";
import { validateEmbedded } from "../schema/embedded.ts";
import { validateListTypes } from "../schema/list-types.ts";
import { SchemaValidator } from "../schema/validate.ts";
import type { CustomResourceKind } from "./custom-resource-kind.ts";
import { finalizerWarnings } from "./finalizer-warnings.ts";
import { validateScaleFields, validateScaleStatus } from "./scale-view.ts";
import type { WebhookConverter } from "./webhook-converter.ts";
import type { TableCells } from "./table-cells.ts";

export interface CustomResourceRules {
  readonly kind: CustomResourceKind;
  readonly resource: string;
  readonly version: CustomResourceDefinitionVersion;
  readonly cells: TableCells;
  /** The definition is going: nothing new may come. */
  readonly isTerminating: () => boolean;
  readonly converter: WebhookConverter | undefined;
}

type AnyObject = Mutable<KubeObject> & Record<string, unknown>;

/** The rules of one version of a custom resource: those of its schema. */
export function customResourceStrategy(rules: CustomResourceRules): Strategy {
  const { kind, version, resource } = rules;
  const hasStatus = version.subresources?.status !== undefined;
  const validator = new CustomResourceValidator(kind.schema, version);
  return {
    hasStatus,
    generation: "none",
    beginCreate: async () => {
      if (rules.isTerminating()) throw terminating(kind.group, resource);
      return undefined;
    },
    prepareForCreate: (object) => {
      object.metadata.generation = 1;
    },
    prepareForUpdate: (object, old) => {
      // Differs from built-in kinds: whatever is no metadata counts, and status only where it is no part of its own.
      if (!deepEqual(content(object, hasStatus), content(viewOf(rules, old), hasStatus)))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    validateInSteps: (object, old, context, found) =>
      validator.validate(object, old, found, (text) => context.warn(text)),
    allowUnconditionalUpdate: false,
    warningsOnCreate: ({ metadata }) => finalizerWarnings(metadata.finalizers ?? []),
    warningsOnUpdate: ({ metadata }, old) => {
      const before = old.metadata.finalizers ?? [];
      return finalizerWarnings((metadata.finalizers ?? []).filter((name) => !before.includes(name)));
    },
  };
}

/** The cells of a stored object in the columns of the rules' version. */
export function cellsOf(rules: CustomResourceRules, stored: KubeObject, nowMs: number): readonly unknown[] {
  return rules.cells.of(viewOf(rules, stored), nowMs);
}

/** A stored object in the rules' version. */
function viewOf({ kind, converter }: CustomResourceRules, stored: KubeObject): KubeObject {
  return kind.fromStorage(converter ? converter.view(stored, apiVersionOf(kind)) : stored);
}

/** Status alone changes; unlike in built-in kinds, metadata does not either. */
export function customStatusStrategy(rules: CustomResourceRules): SubresourceStrategy {
  const validator = new CustomResourceValidator(rules.kind.schema, rules.version);
  return {
    prepareForUpdate: (object, old) => {
      const { managedFields } = object.metadata;
      object.metadata = cloneJson(old.metadata) as AnyObject["metadata"];
      if (managedFields) object.metadata.managedFields = managedFields;
    },
    validateInSteps: (object, old, context, found) =>
      validator.validateStatus(object, old, found, (text) => context.warn(text)),
    allowUnconditionalUpdate: false,
  };
}

const blocking: ReadonlySet<FieldErrorType> = new Set([
  "FieldValueNotSupported",
  "FieldValueRequired",
  "FieldValueTooLong",
  "FieldValueTooMany",
  "FieldValueTypeInvalid",
]);

const rulesNotChecked = fieldInvalid(
  undefined,
  null,
  "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation",
);

/** What the schema of a version says about its objects. */
export class CustomResourceValidator {
  readonly #schema: JsonSchema;
  readonly #validator: SchemaValidator;
  readonly #statusValidator: SchemaValidator;
  readonly #rules: RuleValidator | undefined;
  readonly #scale: CustomResourceSubresourceScale | undefined;

  constructor(schema: JsonSchema, version: CustomResourceDefinitionVersion) {
    this.#schema = schema;
    this.#validator = new SchemaValidator(schema);
    this.#statusValidator = new SchemaValidator(propertySchema(schema, "status") ?? {});
    this.#rules = hasRules(schema) ? new RuleValidator(schema) : undefined;
    this.#scale = version.subresources?.scale;
  }

  /** `found` is what is known to be wrong already. Rules that were broken before, in what has not changed, are told to `warn`. */
  validate(
    object: KubeObject,
    old: KubeObject | undefined,
    found: readonly FieldError[],
    warn: (text: string) => void,
  ): Steps<readonly FieldError[]> {
    const errors = this.#validator.validate(object, old);
    if (this.#scale) errors.push(...validateScaleFields(object, this.#scale));
    errors.push(...validateEmbedded(object, this.#schema));
    return this.#validateWhole(object, old, { found, errors, warn });
  }

  /** An update of the status alone, whose schema speaks of it as if it were the whole. */
  validateStatus(
    object: KubeObject,
    old: KubeObject | undefined,
    found: readonly FieldError[],
    warn: (text: string) => void,
  ): Steps<readonly FieldError[]> {
    const status = (object as AnyObject)["status"];
    const before = (old as AnyObject | undefined)?.["status"];
    const own = status === undefined ? [] : this.#statusValidator.validate(status, before);
    const errors = own.map((error) => ({
      ...error,
      field: error.field === "<nil>" ? "status" : `status.${error.field}`,
    }));
    if (this.#scale) errors.push(...validateScaleStatus(object, this.#scale));
    return this.#validateWhole(object, old, { found, errors, warn });
  }

  /** Lists and rules. */
  *#validateWhole(
    object: KubeObject,
    old: KubeObject | undefined,
    {
      found,
      errors,
      warn,
    }: {
      readonly found: readonly FieldError[];
      readonly errors: FieldError[];
      readonly warn: (text: string) => void;
    },
  ): Steps<readonly FieldError[]> {
    const duplicates = validateListTypes(object, this.#schema);
    // A list that had duplicates before may keep them.
    if (duplicates.length > 0 && (!old || validateListTypes(old, this.#schema).length === 0))
      errors.push(...duplicates);
    // Rules may take for granted what the schema says.
    if (!this.#rules) return errors;
    if ([...found, ...errors].some(({ type }) => blocking.has(type))) errors.push(rulesNotChecked);
    else errors.push(...(yield* this.#rules.validate(object, old, { warn: (error) => warn(formatFieldError(error)) })));
    return errors;
  }
}

function content(object: KubeObject, isWithoutStatus: boolean): unknown {
  const { metadata: _metadata, apiVersion: _apiVersion, ...rest } = object as AnyObject;
  if (isWithoutStatus) delete rest.status;
  return rest;
}

function terminating(group: string, resource: string): StatusError {
  const { code, reason, details } = methodNotSupported({ group, resource }, "create");
  const message = "create not allowed while custom resource definition is terminating";
  return new StatusError({ code, reason, details, message });
}
