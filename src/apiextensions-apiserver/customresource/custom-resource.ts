import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "../../api/apiextensions/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { ApiResource, ApiSubresource, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type {
  DynamicResource,
  ResourceRegistration,
  Subresource,
} from "../../apiserver/registry/generic/resource-registration.ts";
import { JsonPath } from "../jsonpath/json-path.ts";
import type { JsonSchema } from "../schema/json-schema.ts";
import { CustomResourceKind } from "./custom-resource-kind.ts";
import { type CustomResourceRules, customResourceStrategy, customStatusStrategy } from "./custom-resource-strategy.ts";
import { customScaleView } from "./scale-view.ts";
import { TableCells } from "./table-cells.ts";

const verbs = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
const subresourceVerbs = ["get", "patch", "update"];

export interface CustomResourceOptions {
  readonly scheme: Scheme;
  /** Of the group, version and kind that is stored, as discovery tells it. */
  readonly storageVersionHash: string;
  readonly isTerminating: () => boolean;
}

/** What a definition asks the server to serve. The definition's names must have been accepted. */
export function customResource(definition: CustomResourceDefinition, options: CustomResourceOptions): DynamicResource {
  const { spec } = definition;
  const { group, names } = spec;
  const selectors = selectableFields(spec.versions);
  return {
    stored: {
      group,
      resource: names.plural,
      storagePrefix: `${group}/${names.plural}`,
      namespaced: spec.scope === "Namespaced",
      selectableFields: (object) =>
        Object.fromEntries([...selectors].map(([field, path]) => [field, textAt(object, path)])),
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
  const { group, names } = definition.spec;
  const listKind = names.listKind ?? `${names.kind}List`;
  const schema: JsonSchema = version.schema?.openAPIV3Schema ?? {};
  const kind = new CustomResourceKind(
    options.scheme,
    { group, version: version.name, kind: names.kind, listKind },
    schema,
  );
  const cells = new TableCells(version);
  const rules: CustomResourceRules = {
    kind,
    version,
    cells,
    resource: names.plural,
    isTerminating: options.isTerminating,
  };
  const storage = definition.spec.versions.find((each) => each.storage)?.name ?? version.name;
  return {
    resource: resourceOf(definition, version, cells, storage, options.storageVersionHash),
    kind,
    strategy: customResourceStrategy(rules),
    subresources: subresourcesOf(version, rules),
    convert: {
      toStorage: (object) => ({
        ...(object as Mutable<KubeObject>),
        apiVersion: apiVersionOf({ group, version: storage }),
      }),
      // Nobody changes what is served; what needs no change is shared with the cache.
      fromStorage: (object) => kind.fromStorage(object) as Mutable<KubeObject>,
    },
    warnings: deprecationOf(group, names.kind, version),
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

/** By the name clients select with, of all versions: they are stored in the same shape. */
function selectableFields(versions: readonly CustomResourceDefinitionVersion[]): ReadonlyMap<string, JsonPath> {
  return new Map(
    versions
      .flatMap((version) => version.selectableFields ?? [])
      .map(({ jsonPath }) => [jsonPath.replace(/^\./, ""), JsonPath.parse(jsonPath)]),
  );
}

function textAt(object: KubeObject, path: JsonPath): string {
  const [value] = path.find(object);
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function deprecationOf(group: string, kind: string, version: CustomResourceDefinitionVersion): readonly string[] {
  if (version.deprecated !== true) return [];
  return [version.deprecationWarning ?? `${group}/${version.name} ${kind} is deprecated`];
}
