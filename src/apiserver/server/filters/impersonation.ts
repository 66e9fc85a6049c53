import { goQuote } from "../../../apimachinery/go-format.ts";
import { badRequest } from "../../../apimachinery/errors/new.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import type { AuthorizationAttributes, Authorizer } from "../../authorization/authorizer.ts";
import type { HttpHeaders } from "../../../component-base/http.ts";
import type { Filter } from "../handler-chain.ts";
import { anonymousUser, authenticatedGroup, unauthenticatedGroup, withGroup } from "./authentication.ts";
import { requireAllowed } from "../../authorization/require-allowed.ts";

const serviceAccountPrefix = "system:serviceaccount:";
const extraPrefix = "impersonate-extra-";

/** `Impersonate-User` and its companions: acts as somebody else, when the authorizer allows each part of the identity. */
export function withImpersonation(authorizer: Authorizer): Filter {
  return (next) => async (scope) => {
    const asked = requestedIdentity(scope.http.headers);
    if (!asked) return next(scope);
    for (const attributes of permissionsFor(scope.user, asked)) await requireAllowed(authorizer, attributes);
    scope.user = complete(asked);
    return next(scope);
  };
}

function requestedIdentity(headers: HttpHeaders): UserInfo | undefined {
  const name = headers["impersonate-user"];
  const groups = list(headers["impersonate-group"]);
  const uid = headers["impersonate-uid"];
  const extra: Record<string, readonly string[]> = {};
  for (const [header, value] of Object.entries(headers))
    if (header.startsWith(extraPrefix)) extra[extraKey(header.slice(extraPrefix.length))] = list(value);
  const hasExtra = Object.keys(extra).length > 0;
  if (!name) {
    if (groups.length > 0 || uid || hasExtra) {
      const fields = [
        `Name:"", UID:${goQuote(uid ?? "")}`,
        `Groups:${goStrings(groups)}`,
        `Extra:map[string][]string${
          hasExtra
            ? `{${Object.entries(extra)
                .map(([key, values]) => `${goQuote(key)}:${goStrings(values)}`)
                .join(", ")}}`
            : "(nil)"
        }`,
      ];
      throw badRequest(`requested &user.DefaultInfo{${fields.join(", ")}} without impersonating a user name`);
    }
    return undefined;
  }
  return { name, groups, ...(uid ? { uid } : {}), ...(hasExtra ? { extra } : {}) };
}

/** As Go prints the value with its type. */
function goStrings(values: readonly string[]): string {
  return values.length === 0 ? "[]string(nil)" : `[]string{${values.map(goQuote).join(", ")}}`;
}

/** Keys are percent-encoded, as header names allow less than they. */
function extraKey(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
}

/** One value for each line of the header: a comma is part of a name. */
function list(value: string | undefined): string[] {
  return value === undefined || value === "" ? [] : value.split("\n");
}

/** One question to the authorizer per part of the identity. */
function* permissionsFor(user: UserInfo, asked: UserInfo): Generator<AuthorizationAttributes> {
  const question = (
    resource: string,
    name: string,
    more: Partial<AuthorizationAttributes> = {},
  ): AuthorizationAttributes => ({
    user,
    verb: "impersonate",
    isResourceRequest: true,
    namespace: "",
    apiGroup: "",
    apiVersion: "v1",
    resource,
    subresource: "",
    name,
    path: "",
    ...more,
  });
  const account = serviceAccountOf(asked.name);
  yield account
    ? question("serviceaccounts", account.name, { namespace: account.namespace })
    : question("users", asked.name);
  for (const group of asked.groups) yield question("groups", group);
  const authentication = { apiGroup: "authentication.k8s.io" };
  if (asked.uid) yield question("uids", asked.uid, authentication);
  for (const [key, values] of Object.entries(asked.extra ?? {}))
    for (const value of values) yield question("userextras", value, { ...authentication, subresource: key });
}

function complete(asked: UserInfo): UserInfo {
  if (asked.name === anonymousUser.name) return withoutGroup(asked);
  const account = serviceAccountOf(asked.name);
  if (!account || asked.groups.length > 0) return withGroup(asked, authenticatedGroup);
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`];
  return withGroup({ ...asked, groups }, authenticatedGroup);
}

function withoutGroup(asked: UserInfo): UserInfo {
  return asked.groups.includes(unauthenticatedGroup)
    ? asked
    : { ...asked, groups: [...asked.groups, unauthenticatedGroup] };
}

function serviceAccountOf(user: string): { readonly namespace: string; readonly name: string } | undefined {
  if (!user.startsWith(serviceAccountPrefix)) return undefined;
  const [namespace, name, ...rest] = user.slice(serviceAccountPrefix.length).split(":");
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined;
}
