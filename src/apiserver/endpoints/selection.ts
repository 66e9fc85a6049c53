import { badRequest } from "../../apimachinery/errors/new.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { FieldSelectorError, parseFieldSelector } from "../../apimachinery/fields/selector.ts";
import { parseSelector } from "../../apimachinery/labels/parse.ts";
import { SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { ListOptions } from "../../apimachinery/meta/v1/types.gen.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { type FieldRequirement, requiredField, type Selection } from "../storage/selection.ts";

/** What a list, watch or deletecollection selects. Throws BadRequest for bad syntax and for fields the kind does not offer. */
export function parseSelection(endpoint: Selectable, namespace: string, options: ListOptions): Selection {
  const { resource } = endpoint;
  if (options.fieldSelector === undefined && options.labelSelector === undefined)
    return resource.namespaced && namespace !== "" ? { namespace } : {};
  try {
    return parse(endpoint, namespace, options);
  } catch (error) {
    if (error instanceof SelectorError || error instanceof FieldSelectorError) throw badRequest(error.message);
    throw error;
  }
}

type Selectable = Pick<ResourceEndpoint, "resource" | "kind">;

function parse(endpoint: Selectable, namespace: string, options: ListOptions): Selection {
  const { resource } = endpoint;
  const fields = options.fieldSelector === undefined ? [] : parseFields(endpoint, options.fieldSelector);
  const labels = options.labelSelector === undefined ? undefined : parseSelector(options.labelSelector);
  const required = requiredField({ fields }, "metadata.namespace") ?? "";
  const one = namespace || required;
  return {
    ...(resource.namespaced && one !== "" ? { namespace: one } : {}),
    ...(labels && !labels.isEverything ? { labels } : {}),
    ...(fields.length > 0 ? { fields } : {}),
  };
}

function parseFields(endpoint: Selectable, text: string): readonly FieldRequirement[] {
  const { resource } = endpoint;
  const required = new Map<string, FieldRequirement>();
  const excluded = new Map<string, Set<string>>();
  for (const { field, operator, value } of parseFieldSelector(text).requirements) {
    // Nothing of nothing selects everything.
    if (field === "" && value === "") continue;
    const alias = Object.hasOwn(resource.fieldSelectorAliases, field)
      ? resource.fieldSelectorAliases[field]
      : undefined;
    if (alias === undefined && !resource.fieldSelectors.includes(field))
      throw badRequest(notSelectable(endpoint, field));
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

/** Kinds with fields of their own to select by say so in words of their own. */
function notSelectable({ resource, kind }: Selectable, field: string): string {
  const hasOwn = resource.fieldSelectors.some((name) => !name.startsWith("metadata."));
  if (!kind.custom && !hasOwn)
    return `${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
  if (resource.kind === "Job") return `field label ${goQuote(field)} not supported for Job`;
  if (resource.kind === "ResourceSlice")
    return `field label not supported for ${apiVersionOf(resource)}, Kind=${resource.kind}: ${field}`;
  return `field label not supported: ${field}`;
}
