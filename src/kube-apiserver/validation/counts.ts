import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { nonNegative } from "./common.ts";

const path = FieldPath.of("status");

/** The numbers of a status; those the client left out are 0. */
export type Counts = Readonly<Record<string, number | bigint | undefined>>;

/** None of the fields is negative, in their order. */
export function validateCounts(status: Counts, fields: readonly string[]): readonly FieldError[] {
  return fields.flatMap((field) => nonNegative(path.child(field), status[field]));
}

/** No part is more than the whole; `name` is what the message calls it. */
export function validateParts(
  status: Counts,
  parts: readonly string[],
  whole: string,
  name: string,
): readonly FieldError[] {
  return parts
    .filter((part) => (status[part] ?? 0) > (status[whole] ?? 0))
    .map((part) => fieldInvalid(path.child(part), status[part], `cannot be greater than ${name}`));
}

/** Replicas of a workload: what is counted, in order, and which of the counts cannot exceed all replicas. */
export function validateReplicaCounts(
  status: Counts,
  counted: readonly string[],
  parts: readonly string[],
  ready = "readyReplicas",
): readonly FieldError[] {
  return [
    ...validateCounts(status, counted),
    ...validateParts(status, parts, "replicas", "status.replicas"),
    ...validateParts(status, ["availableReplicas"], "readyReplicas", ready),
  ];
}

/** Names of revisions are made of it: it never goes back. */
export function validateCollisionCount(next: number | undefined, old: number | undefined): readonly FieldError[] {
  if (old === undefined || (next !== undefined && next >= old)) return [];
  return [fieldInvalid(path.child("collisionCount"), next ?? 0, "cannot be decremented")];
}
