import { forbiddenRequest } from "../../../apimachinery/errors/new.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import type { AuthorizationAttributes, Authorizer } from "../../authorization/authorizer.ts";
import type { RequestInfo } from "../../endpoints/request-info.ts";
import type { Filter } from "../handler-chain.ts";

/** Refuses, with upstream's texts, what the authorizer does not allow. No opinion is a refusal. */
export function withAuthorization(authorizer: Authorizer): Filter {
  return (next) => async (scope) => {
    const attributes = attributesOfRequest(scope.info, scope.user);
    await requireAllowed(authorizer, attributes);
    return next(scope);
  };
}

/** Rejects with Forbidden unless the authorizer says "allow". */
export async function requireAllowed(authorizer: Authorizer, attributes: AuthorizationAttributes): Promise<void> {
  const { decision, reason = "" } = await authorizer.authorize(attributes);
  if (decision === "allow") return;
  const { user, verb, isResourceRequest, path, apiGroup, resource, subresource, namespace, name } = attributes;
  throw forbiddenRequest(
    isResourceRequest
      ? { user: user.name, verb, group: apiGroup, resource, subresource, namespace, name }
      : { user: user.name, verb, path },
    reason,
  );
}

function attributesOfRequest(info: RequestInfo, user: UserInfo): AuthorizationAttributes {
  const { verb, isResourceRequest, namespace, apiGroup, apiVersion, resource, subresource, name, path } = info;
  return { user, verb, isResourceRequest, namespace, apiGroup, apiVersion, resource, subresource, name, path };
}
