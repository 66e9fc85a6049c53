import type { UserInfo } from "../../authentication/user-info.ts";
import type { AuthorizationAttributes, Authorizer } from "../../authorization/authorizer.ts";
import { selectorRequirements } from "../../authorization/selector-requirements.ts";
import { requireAllowed } from "../../authorization/require-allowed.ts";
import type { RequestInfo } from "../../endpoints/request-info.ts";
import type { Filter } from "../handler-chain.ts";

/** Refuses, with upstream's texts, what the authorizer does not allow. No opinion is a refusal. */
export function withAuthorization(authorizer: Authorizer): Filter {
  return (next) => async (scope) => {
    const attributes = attributesOfRequest(scope.info, scope.user);
    await requireAllowed(authorizer, attributes, scope.audit);
    return next(scope);
  };
}

/** The question a request is to the authorizer. */
export function attributesOfRequest(info: RequestInfo, user: UserInfo): AuthorizationAttributes {
  const { verb, isResourceRequest, namespace, apiGroup, apiVersion, resource, subresource, name, path } = info;
  const { fieldSelector, labelSelector } = info;
  const selectors =
    fieldSelector === "" && labelSelector === "" ? undefined : selectorRequirements(fieldSelector, labelSelector);
  const asked = { user, verb, isResourceRequest, namespace, apiGroup, apiVersion, resource, subresource, name, path };
  return selectors ? { ...asked, ...selectors } : asked;
}
