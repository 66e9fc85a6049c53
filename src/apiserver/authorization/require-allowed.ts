import { forbiddenRequest } from "../../apimachinery/errors/new.ts";
import type { AuditNotes } from "../audit/audit-notes.ts";
import type { AuthorizationAttributes, Authorizer } from "./authorizer.ts";

/** Rejects with Forbidden, in upstream's words, unless the authorizer says "allow". No opinion is a refusal. */
export async function requireAllowed(
  authorizer: Authorizer,
  attributes: AuthorizationAttributes,
  audit?: AuditNotes,
): Promise<void> {
  const { decision, reason = "" } = await authorizer.authorize(attributes);
  audit?.noteDecision(decision === "allow" ? "allow" : "forbid", reason);
  if (decision === "allow") return;
  const { user, verb, isResourceRequest, path, apiGroup, resource, subresource, namespace, name } = attributes;
  throw forbiddenRequest(
    isResourceRequest
      ? { user: user.name, verb, group: apiGroup, resource, subresource, namespace, name }
      : { user: user.name, verb, path },
    reason,
  );
}
