import { badRequest } from "../../apimachinery/errors/new.ts";
import { FieldSelectorError, parseFieldSelector } from "../../apimachinery/fields/selector.ts";
import { parseSelector } from "../../apimachinery/labels/parse.ts";
import { SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { ListOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import type { ApiResource } from "../../apimachinery/scheme/scheme.ts";
import { type FieldRequirement, requiredField, type Selection } from "../storage/selection.ts";

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
  const required = requiredField({ fields }, "metadata.namespace") ?? "";
  const one = namespace || required;
  return {
    ...(resource.namespaced && one !== "" ? { namespace: one } : {}),
    ...(labels && !labels.isEverything ? { labels } : {}),
    ...(fields.length > 0 ? { fields } : {}),
  };
}

function parseFields(resource: ApiResource, text: string): readonly FieldRequirement[] {
  const required = new Map<string, FieldRequirement>();
  const excluded = new Map<string, Set<string>>();
  for (const { field, operator, value } of parseFieldSelector(text).requirements) {
    const alias = Object.hasOwn(resource.fieldSelectorAliases, field)
      ? resource.fieldSelectorAliases[field]
      : undefined;
    if (alias === undefined && !resource.fieldSelectors.includes(field))
      throw badRequest(`field label not supported: ${field}`);
    const name = alias ?? field;
    if (operator === "=") required.set(`${name}=${value}`, { field: name, operator, value });
    else {
      const values = excluded.get(name);
      if (values) values.add(value);
      else excluded.set(name, new Set([value]));
    }
  }
  return [
    ...required.values(),
    ...[...excluded].map(([field, values]) => ({ field, operator: "notin" as const, values })),
  ];
}
