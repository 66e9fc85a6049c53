import { applyConflict, fieldManagerConflictCause } from "../../../apimachinery/errors/new.ts";
import type { StatusError } from "../../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../../apimachinery/go-format.ts";
import type { Conflict } from "../../../apimachinery/structured-merge-diff/managers.ts";
import { formatPath } from "../../../apimachinery/structured-merge-diff/path-element.ts";
import { parseManagerId } from "./managed-fields.ts";

/** The 409 of an apply, in the words clients print: `Apply failed with 1 conflict: conflict with "kubectl" using apps/v1: .spec.replicas`. */
export function conflictStatus(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: fieldManagerConflictCause,
    message: `conflict with ${formatManager(manager)}`,
    field: formatPath(path),
  }));
  return applyConflict(causes, messageOf(conflicts));
}

function messageOf(conflicts: readonly Conflict[]): string {
  const [first] = conflicts;
  if (conflicts.length === 1 && first)
    return `Apply failed with 1 conflict: conflict with ${formatManager(first.manager)}: ${formatPath(first.path)}`;
  const lines: string[] = [];
  let manager: string | undefined;
  for (const conflict of conflicts) {
    if (conflict.manager !== manager) lines.push(`conflicts with ${formatManager(conflict.manager)}:`);
    manager = conflict.manager;
    lines.push(`- ${formatPath(conflict.path)}`);
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join("\n")}`;
}

function formatManager(id: string): string {
  const { manager, operation, apiVersion, subresource } = parseManagerId(id);
  const name = goQuote(manager) + (subresource === "" ? "" : ` with subresource ${goQuote(subresource)}`);
  return operation === "Update" ? `${name} using ${apiVersion}` : name;
}
