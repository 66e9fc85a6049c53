import { type FieldRequirement, FieldSelectorError, parseFieldSelector } from "../../apimachinery/fields/selector.ts";
import { parseSelector } from "../../apimachinery/labels/parse.ts";
import { type Requirement, SelectorError } from "../../apimachinery/labels/requirement.ts";
import type { SelectorRequirements } from "./authorizer.ts";

/** The requirements of selectors as they stand in a query, "" for none. A text that is no selector gives none: it narrows nothing. */
export function selectorRequirements(fieldSelector: string, labelSelector: string): SelectorRequirements {
  const fields = fieldSelector === "" ? undefined : readFieldSelector(fieldSelector);
  const labels = labelSelector === "" ? undefined : readLabelSelector(labelSelector);
  return {
    ...(fields?.length ? { fieldSelector: fields } : {}),
    ...(labels?.length ? { labelSelector: labels } : {}),
  };
}

/** Undefined for a text that is no selector: whoever serves a request says so to those who may make it. */
export function readFieldSelector(text: string): readonly FieldRequirement[] | undefined {
  try {
    return parseFieldSelector(text).requirements;
  } catch (error) {
    if (error instanceof FieldSelectorError) return undefined;
    throw error;
  }
}

/** Undefined for a text that is no selector. */
export function readLabelSelector(text: string): readonly Requirement[] | undefined {
  try {
    return parseSelector(text).requirements;
  } catch (error) {
    if (error instanceof SelectorError) return undefined;
    throw error;
  }
}
