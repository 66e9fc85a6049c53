import { badRequest } from "../../apimachinery/errors/new.ts";
import type { ListOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import type { ApiResource } from "../../apimachinery/scheme/scheme.ts";
import type { FieldRequirement, Selection } from "../storage/selection.ts";
import { parseFieldSelector, parseLabelSelector } from "./selector-syntax.ts";

/** What a list, watch or deletecollection selects. Throws BadRequest for bad syntax and for fields the kind does not offer. */
export function parseSelection(resource: ApiResource, namespace: string, options: ListOptions): Selection {
  const fields = options.fieldSelector ? parseFields(resource, options.fieldSelector) : undefined;
  const labels = options.labelSelector ? parseLabelSelector(options.labelSelector) : undefined;
  const required = fields?.find((r) => r.field === "metadata.namespace" && r.operator === "=")?.value;
  return {
    ...(resource.namespaced && namespace !== "" ? { namespace } : {}),
    ...(resource.namespaced && namespace === "" && required ? { namespace: required } : {}),
    ...(labels ? { labels } : {}),
    ...(fields ? { fields } : {}),
  };
}

function parseFields(resource: ApiResource, text: string): readonly FieldRequirement[] {
  return parseFieldSelector(text).map(({ field, operator, value }) => {
    const name = Object.hasOwn(resource.fieldSelectorAliases, field)
      ? (resource.fieldSelectorAliases[field] ?? field)
      : field;
    if (!resource.fieldSelectors.includes(name)) throw badRequest(`field label not supported: ${field}`);
    return { field: name, operator, value };
  });
}
