import { badRequest } from "../../apimachinery/errors/new.ts";
import { FieldSelectorError, parseFieldSelector } from "../../apimachinery/fields/selector.ts";
import { parseSelector } from "../../apimachinery/labels/parse.ts";
import { SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { ListOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import type { ApiResource } from "../../apimachinery/scheme/scheme.ts";
import type { FieldRequirement, Selection } from "../storage/selection.ts";

/** What a list, watch or deletecollection selects. Throws BadRequest for bad syntax and for fields the kind does not offer. */
export function parseSelection(resource: ApiResource, namespace: string, options: ListOptions): Selection {
  if (options.fieldSelector === undefined && options.labelSelector === undefined)
    return resource.namespaced && namespace !== "" ? { namespace } : {};
  try {
    return parse(resource, namespace, options);
  } catch (error) {
    if (error instanceof SelectorError || error instanceof FieldSelectorError) throw badRequest(error.message);
    throw error;
  }
}

function parse(resource: ApiResource, namespace: string, options: ListOptions): Selection {
  const fields = options.fieldSelector === undefined ? [] : parseFields(resource, options.fieldSelector);
  const labels = options.labelSelector === undefined ? undefined : parseSelector(options.labelSelector);
  const required = fields.find((r) => r.field === "metadata.namespace" && r.operator === "=")?.value ?? "";
  const one = namespace || required;
  return {
    ...(resource.namespaced && one !== "" ? { namespace: one } : {}),
    ...(labels && !labels.isEverything ? { labels } : {}),
    ...(fields.length > 0 ? { fields } : {}),
  };
}

function parseFields(resource: ApiResource, text: string): readonly FieldRequirement[] {
  return parseFieldSelector(text).requirements.map(({ field, operator, value }) => {
    const alias = Object.hasOwn(resource.fieldSelectorAliases, field)
      ? resource.fieldSelectorAliases[field]
      : undefined;
    if (alias === undefined && !resource.fieldSelectors.includes(field))
      throw badRequest(`field label not supported: ${field}`);
    return { field: alias ?? field, operator, value };
  });
}
