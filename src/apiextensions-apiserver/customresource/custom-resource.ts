import { finishGivingWay } from "../../component-base/steps.ts";
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "../../api/apiextensions/v1/types.gen.ts";
import { invalid } from "../../apimachinery/errors/new.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { ApiResource, ApiSubresource, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type {
  Conversion,
  DynamicResource,
  ResourceRegistration,
  Subresource,
} from "../../apiserver/registry/generic/resource-registration.ts";
import type { Strategy } from "../../apiserver/registry/rest/strategy.ts";
import { JsonPath } from "../jsonpath/json-path.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { CustomResourceKind } from "./custom-resource-kind.ts";
import {
  type CustomResourceRules,
  CustomResourceValidator,
  cellsOf,
  customResourceStrategy,
  customStatusStrategy,
} from "./custom-resource-strategy.ts";
import { customScaleView } from "./scale-view.ts";
import type { WebhookConverter } from "./webhook-converter.ts";
import { TableCells } from "./table-cells.ts";

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const subresourceVerbs = ["get", "patch", "update"];

export interface CustomResourceOptions {
  readonly scheme: Scheme;
  /** Of the group, version and kind that is stored, as discovery tells it. */
  readonly storageVersionHash: string;
  readonly isTerminating: () => boolean;
  /** Of definitions whose versions a webhook converts; others differ in nothing but the name. */
  readonly converter: WebhookConverter | undefined;
}

/** What a definition asks the server to serve. The definition's names must have been accepted. */
export function customResource(definition: CustomResourceDefinition, options: CustomResourceOptions): DynamicResource {
  const { spec } = definition;
  const { group, names } = spec;
  return {
    stored: {
      group,
      resource: names.plural,
      storagePrefix: `${group}/${names.plural}`,
      namespaced: spec.scope === "Namespaced",
      // Where a webhook converts, what is stored may have other fields than what is selected.
      ...(options.converter ? {} : { selectableFields: selectableFields(spec.versions) }),
    },
    registrations: spec.versions
      .filter(({ served }) => served)
      .map((version) => registrationOf(definition, version, options)),
  };
}

function registrationOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  options: CustomResourceOptions,
): ResourceRegistration {
  const { group, names, versions } = definition.spec;
  const rules = rulesOf(definition, version, options);
  const { kind, cells } = rules;
  const storage = versions.find((each) => each.storage) ?? version;
  const tableCells: Strategy["tableCells"] = (object, nowMs) => cellsOf(rules, object, nowMs);
  // What is stored is written by the rules of the version it is stored in, where versions are more than names.
  const written = options.converter ? rulesOf(definition, storage, options) : rules;
  return {
    resource: resourceOf(definition, version, cells, storage.name, options.storageVersionHash),
    kind,
    strategy: { ...customResourceStrategy(written), tableCells },
    subresources: subresourcesOf(version, written),
    convert: conversionOf(rules, apiVersionOf({ group, version: storage.name })),
    warnings: deprecationOf(group, names.kind, version),
  };
}

function rulesOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  { scheme, isTerminating, converter }: CustomResourceOptions,
): CustomResourceRules {
  const { group, names } = definition.spec;
  const listKind = names.listKind ?? `${names.kind}List`;
  const schema: JsonSchema = version.schema?.openAPIV3Schema ?? {};
  const kind = new CustomResourceKind(scheme, { group, version: version.name, kind: names.kind, listKind }, schema);
  return { kind, version, cells: new TableCells(version), resource: names.plural, isTerminating, converter };
}

/** Nobody changes what is served; what needs no change is shared with the cache. */
function conversionOf({ kind, version, converter }: CustomResourceRules, storageVersion: string): Conversion {
  if (!converter)
    return {
      toStorage: (object) => ({ ...(object as Mutable<KubeObject>), apiVersion: storageVersion }),
      fromStorage: (object) => kind.fromStorage(object) as Mutable<KubeObject>,
    };
  const own = apiVersionOf(kind);
  const validator = new CustomResourceValidator(kind.schema, version);
  return {
    toStorage: (object) => converter.view(object, storageVersion) as Mutable<KubeObject>,
    fromStorage: (object) => kind.fromStorage(converter.view(object, own)) as Mutable<KubeObject>,
    ask: {
      fromStorage: async (objects) => {
        await converter.prepare(objects, own);
        // The rules of updates and columns are those of the storage version, and objects may be of an older one.
        await converter.prepare(objects, storageVersion);
      },
      toStorage: async (objects) => {
        // Afterwards only the stored version's schema looks at it.
        if (own !== storageVersion)
          for (const object of objects) {
            const errors = await finishGivingWay(validator.validate(object, undefined, [], () => {}));
            if (errors.length > 0) throw invalid(kind, object.metadata.name ?? "", errors);
          }
        await converter.prepare(objects, storageVersion);
      },
      selectableFields: selectableFields([version]),
    },
  };
}

function resourceOf(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  cells: TableCells,
  storageVersion: string,
  storageVersionHash: string,
): ApiResource {
  const { group, names, scope } = definition.spec;
  const selectors = (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, ""));
  return {
    group,
    version: version.name,
    resource: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    kind: names.kind,
    namespaced: scope === "Namespaced",
    verbs,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    subresources: subresourceData(group, names.kind, version),
    fieldSelectors: ["metadata.name", "metadata.namespace", ...selectors],
    fieldSelectorAliases: {},
    columns: cells.columns,
    returnsDeletedObject: false,
    persisted: true,
    storagePrefix: `${group}/${names.plural}`,
    storage: { group, version: storageVersion, kind: names.kind },
    storageVersionHash,
  };
}

function subresourceData(
  group: string,
  kind: string,
  version: CustomResourceDefinitionVersion,
): readonly ApiSubresource[] {
  const { status, scale } = version.subresources ?? {};
  const own = { verbs: subresourceVerbs, group, version: version.name, kind };
  return [
    ...(status ? [{ name: "status", ...own }] : []),
    ...(scale ? [{ name: "scale", verbs: subresourceVerbs, group: "autoscaling", version: "v1", kind: "Scale" }] : []),
  ];
}

function subresourcesOf(
  { subresources }: CustomResourceDefinitionVersion,
  rules: CustomResourceRules,
): Readonly<Record<string, Subresource>> {
  const { status, scale } = subresources ?? {};
  return {
    ...(status ? { status: { type: "object", strategy: customStatusStrategy(rules) } } : {}),
    ...(scale ? { scale: { type: "scale", view: customScaleView(scale) } } : {}),
  };
}

/** By the name clients select with, of all these versions: versions without a converter have the same shape. */
function selectableFields(
  versions: readonly CustomResourceDefinitionVersion[],
): (object: KubeObject) => Readonly<Record<string, string>> {
  const paths = new Map(
    versions
      .flatMap((version) => version.selectableFields ?? [])
      .map(({ jsonPath }) => [jsonPath.replace(/^\./, ""), JsonPath.parse(jsonPath)]),
  );
  return (object) => Object.fromEntries([...paths].map(([field, path]) => [field, textAt(object, path)]));
}

function textAt(object: KubeObject, path: JsonPath): string {
  const [value] = path.find(object);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function deprecationOf(group: string, kind: string, version: CustomResourceDefinitionVersion): readonly string[] {
  if (version.deprecated !== true) return [];
  return [version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated`];
}
