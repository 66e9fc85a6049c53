import { goQuote } from "../../../apimachinery/go-format.ts";
import { badRequest, forbiddenRequest, unauthorized } from "../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../apimachinery/errors/status-error.ts";
import type { UserInfo } from "../../authentication/user-info.ts";
import type { AuthorizationAttributes, Authorizer } from "../../authorization/authorizer.ts";
import type { RequestScope } from "../../endpoints/request-scope.ts";
import type { HttpHeaders } from "../../../component-base/http.ts";
import type { Filter } from "../handler-chain.ts";
import { attributesOfRequest } from "./authorization.ts";
import { anonymousUser, authenticatedGroup, unauthenticatedGroup, withGroup } from "./authentication.ts";
import { requireAllowed } from "../../authorization/require-allowed.ts";

const serviceAccountPrefix = "system:serviceaccount:";
const extraPrefix = "impersonate-extra-";
const nodePrefix = "system:node:";
const nodesGroup = "system:nodes";
const privilegedGroup = "system:masters";

/** One way to be allowed to act as somebody else, with the verbs that stand for it. */
interface Mode {
  /** Part of the verbs; "" for the one that was there before there were others. */
  readonly name: string;
  /** Whether it is about such an identity at all. */
  applies(asked: UserInfo, user: UserInfo): boolean;
}

/** In the order they are tried: those that allow the least first. */
const modes: readonly Mode[] = [
  {
    name: "associated-node",
    applies: (asked, user) => isNameAlone(asked) && nodeOf(asked.name) === nodeOfAccount(user),
  },
  { name: "arbitrary-node", applies: (asked) => isNameAlone(asked) && nodeOf(asked.name) !== undefined },
  { name: "serviceaccount", applies: (asked) => isNameAlone(asked) && serviceAccountOf(asked.name) !== undefined },
  { name: "user-info", applies: ({ name }) => nodeOf(name) === undefined && serviceAccountOf(name) === undefined },
  { name: "", applies: () => true },
];

/**
 * `Impersonate-User` and its companions: acts as somebody else, when the authorizer allows it in one of the modes. In all but
 * the last it must allow the request itself to be made so, and each part of the identity; in the last, each part.
 */
export function withImpersonation(authorizer: Authorizer): Filter {
  return (next) => async (scope) => {
    const asked = requestedIdentity(scope.http.headers);
    if (!asked) return next(scope);
    scope.user = await impersonated(authorizer, scope, asked);
    return next(scope);
  };
}

async function impersonated(authorizer: Authorizer, scope: RequestScope, asked: UserInfo): Promise<UserInfo> {
  let refusal: StatusError | undefined;
  for (const mode of modes) {
    if (!mode.applies(asked, scope.user)) continue;
    try {
      for (const attributes of permissionsFor(scope, asked, mode)) await requireAllowed(authorizer, attributes);
      scope.audit?.noteImpersonation(mode.name === "" ? "" : `impersonate:${mode.name}`);
      return complete(asked, mode);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      // What is told is why the first did not do.
      refusal ??= error;
    }
  }
  throw refusal ?? unauthorized();
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

/** One question to the authorizer for each part of the identity, and one for the request. Throws Forbidden. */
function* permissionsFor(
  { user, info }: RequestScope,
  asked: UserInfo,
  { name: mode }: Mode,
): Generator<AuthorizationAttributes> {
  const isConstrained = mode !== "";
  if (isConstrained) {
    const request = attributesOfRequest(info, user);
    yield { ...request, verb: `impersonate-on:${mode}:${request.verb}` };
  }
  const authentication = { apiGroup: "authentication.k8s.io" };
  const question = (
    resource: string,
    name: string,
    more: Partial<AuthorizationAttributes> = {},
  ): AuthorizationAttributes => ({
    user,
    verb: isConstrained ? `impersonate:${mode}` : "impersonate",
    isResourceRequest: true,
    namespace: "",
    apiGroup: "",
    apiVersion: "v1",
    resource,
    subresource: "",
    name,
    path: "",
    ...(isConstrained ? authentication : {}),
    ...more,
  });
  const account = serviceAccountOf(asked.name);
  const node = isConstrained ? nodeOf(asked.name) : undefined;
  // Who may act as the node they run on may do so wherever they run.
  if (node !== undefined) yield question("nodes", mode === "associated-node" ? "*" : node);
  else if (account) yield question("serviceaccounts", account.name, { namespace: account.namespace });
  else yield question("users", asked.name);
  if (asked.uid) yield question("uids", asked.uid, authentication);
  for (const group of asked.groups) {
    if (isConstrained && group === privilegedGroup) {
      const why = `impersonating the ${privilegedGroup} group is not allowed`;
      const denied = { user: user.name, verb: `impersonate:${mode}`, group: authentication.apiGroup };
      throw forbiddenRequest({ ...denied, resource: "groups", name: group }, why);
    }
    yield question("groups", group);
  }
  for (const [key, values] of Object.entries(asked.extra ?? {}))
    for (const value of values) yield question("userextras", value, { ...authentication, subresource: key });
}

function complete(asked: UserInfo, { name: mode }: Mode): UserInfo {
  if (asked.name === anonymousUser.name) return withoutGroup(asked);
  if (mode.endsWith("-node")) return withGroup({ ...asked, groups: [nodesGroup] }, authenticatedGroup);
  const account = serviceAccountOf(asked.name);
  if (!account || asked.groups.length > 0) return withGroup(asked, authenticatedGroup);
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${account.namespace}`];
  return withGroup({ ...asked, groups }, authenticatedGroup);
}

function isNameAlone({ uid, groups, extra }: UserInfo): boolean {
  return uid === undefined && groups.length === 0 && extra === undefined;
}

function nodeOf(user: string): string | undefined {
  return user.startsWith(nodePrefix) && user.length > nodePrefix.length ? user.slice(nodePrefix.length) : undefined;
}

/** The node a service account's token is bound to; "" for others. */
function nodeOfAccount({ name, extra }: UserInfo): string {
  const [node = "", ...more] = extra?.["authentication.kubernetes.io/node-name"] ?? [];
  return serviceAccountOf(name) && more.length === 0 ? node : "";
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
