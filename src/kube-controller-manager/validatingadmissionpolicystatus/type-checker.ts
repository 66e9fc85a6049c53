import type {
  ExpressionWarning,
  NamedRuleWithOperations,
  ValidatingAdmissionPolicy,
} from "../../api/admissionregistration/v1/types.gen.ts";
import { gvkFromApiVersion } from "../../apimachinery/group-version.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { Environment } from "../../cel/environment.ts";
import { CompileError } from "../../cel/errors.ts";
import { admissionVariables, objectType } from "../../cel/library/admission-types.ts";
import { namedOpaque } from "../../cel/library/signature.ts";
import { schemaType } from "../../cel/schema/schema-type.ts";
import type { ValueSchema } from "../../cel/schema/value-schema.ts";
import { type CelType, dynType } from "../../cel/types/cel-type.ts";
import type { GroupVersion } from "./published-schemas.ts";

/** Upstream's limit of kinds a policy is checked against. */
const kindsMax = 10;

/** Where kinds and their schemas are found. */
export interface SchemaSource {
  kindOf(groupVersion: GroupVersion, resource: string): Promise<string | undefined>;
  schemaOf(groupVersion: GroupVersion, kind: string): Promise<ValueSchema | undefined>;
}

interface Kind extends GroupVersion {
  readonly kind: string;
}

/** Finds what expressions of policies get wrong about the kinds they are about. */
export class TypeChecker {
  #base: Environment | undefined;

  /** In the order of the expressions; the kinds of one warning by group, version and kind. */
  async check({ spec }: ValidatingAdmissionPolicy, source: SchemaSource): Promise<readonly ExpressionWarning[]> {
    const kinds = await kindsOf(spec.matchConstraints?.resourceRules ?? [], source);
    const paramKind = spec.paramKind && gvkFromApiVersion(spec.paramKind.apiVersion ?? "", spec.paramKind.kind ?? "");
    const params = paramKind && ((await typeOf(paramKind, source)) ?? dynType);
    const environments: { readonly kind: Kind; readonly environment: Environment }[] = [];
    for (const kind of kinds) {
      const object = await typeOf(kind, source);
      if (!object) continue;
      this.#base ??= Environment.create();
      const variables = {
        object,
        oldObject: object,
        ...admissionVariables,
        authorizer: namedOpaque("Authorizer"),
        ...(params && { params }),
      };
      environments.push({ kind, environment: withVariables(this.#base.extend(variables), spec.variables ?? []) });
    }
    const warning = (text: string): string =>
      environments
        .map(({ kind, environment }) => ({ kind, problem: problemOf(environment, text) }))
        .filter(({ problem }) => problem !== undefined)
        .map(({ kind, problem }) => `${formatKind(kind)}: ${problem}\n`)
        .join("\n");
    const path = FieldPath.of("spec", "validations");
    return (spec.validations ?? [])
      .flatMap(({ expression, messageExpression }, i) => [
        { fieldRef: path.index(i).child("expression").toString(), text: expression },
        { fieldRef: path.index(i).child("messageExpression").toString(), text: messageExpression ?? "" },
      ])
      .filter(({ text }) => text !== "")
      .map(({ fieldRef, text }) => ({ fieldRef, warning: warning(text) }))
      .filter((each) => each.warning !== "");
  }
}

function problemOf(environment: Environment, text: string): string | undefined {
  try {
    environment.check(text);
    return undefined;
  } catch (error) {
    if (error instanceof CompileError) return error.message;
    throw error;
  }
}

/** With the policy's `variables`, each of which may use those before it. Of those that are wrong nothing is known. */
function withVariables(
  environment: Environment,
  variables: NonNullable<ValidatingAdmissionPolicy["spec"]["variables"]>,
): Environment {
  const types = new Map<string, CelType>();
  const extended = environment.extend({ variables: objectType("kubernetes.variables", types) });
  for (const { name, expression } of variables) {
    let type = dynType;
    try {
      ({ type } = extended.check(expression));
    } catch (error) {
      if (!(error instanceof CompileError)) throw error;
    }
    types.set(name, type);
  }
  return extended;
}

async function typeOf(kind: Kind, source: SchemaSource): Promise<CelType | undefined> {
  const schema = await source.schemaOf(kind, kind.kind);
  return schema && (schemaType(schema, kind.kind, true)?.type ?? dynType);
}

/** The kinds that rules name without wildcards, in order. */
async function kindsOf(rules: readonly NamedRuleWithOperations[], source: SchemaSource): Promise<readonly Kind[]> {
  const found = new Map<string, Kind>();
  for (const { apiGroups = [], apiVersions = [], resources = [] } of rules) {
    if ([...apiGroups, ...apiVersions].some((name) => name.includes("*"))) continue;
    const names = resources.filter((resource) => !/[*/]/.test(resource)).toSorted();
    for (const group of apiGroups.toSorted())
      for (const version of apiVersions.toSorted())
        for (const resource of names) {
          if (found.size >= kindsMax) break;
          const kind = await source.kindOf({ group, version }, resource);
          if (kind !== undefined) found.set(`${group}/${version}/${kind}`, { group, version, kind });
        }
  }
  const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  return [...found.values()].toSorted(
    (a, b) => inOrder(a.group, b.group) || inOrder(a.version, b.version) || inOrder(a.kind, b.kind),
  );
}

/** As Go prints a GroupVersionKind. */
function formatKind({ group, version, kind }: Kind): string {
  return `${group}/${version}, Kind=${kind}`;
}
