import { unauthorized } from "../../../apimachinery/errors/new.ts";
import type { Authenticator } from "../../authentication/authenticator.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { GenericApiServerOptions } from "../generic-api-server-options.ts";
import type { Filter } from "../handler-chain.ts";

export const authenticatedGroup = "system:authenticated";
export const unauthenticatedGroup = "system:unauthenticated";

export const anonymousUser: UserInfo = { name: "system:anonymous", groups: [unauthenticatedGroup] };

const healthPath = /^\/(?:healthz|livez|readyz)(?:\/|$)/;

/** Finds out who asks. The first authenticator that knows the credential decides; none at all is the anonymous user, where allowed. */
export function withAuthentication(
  authenticators: readonly Authenticator[],
  anonymous: NonNullable<GenericApiServerOptions["anonymous"]>,
): Filter {
  return (next) => async (scope) => {
    scope.user = await authenticate(authenticators, anonymous, scope);
    return next(scope);
  };
}

async function authenticate(
  authenticators: readonly Authenticator[],
  anonymous: NonNullable<GenericApiServerOptions["anonymous"]>,
  scope: RequestScope,
): Promise<UserInfo> {
  for (const authenticator of authenticators) {
    const result = await authenticator.authenticate(scope.http);
    if (result) return withGroup(result.user, authenticatedGroup);
  }
  const isAllowed = anonymous === "everywhere" || (anonymous === "health" && healthPath.test(scope.http.path));
  // A credential nobody recognizes is a failed login, not an anonymous visit.
  if (!isAllowed || scope.http.headers.authorization !== undefined) throw unauthorized();
  return anonymousUser;
}

/** The user as member of a group, once. */
export function withGroup(user: UserInfo, group: string): UserInfo {
  if (user.groups.includes(group) || user.groups.includes(unauthenticatedGroup)) return user;
  return { ...user, groups: [...user.groups, group] };
}
