import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";

/** Allows members of the given groups everything: `system:masters`, which must get in even when no role can be read. */
export class PrivilegedGroupsAuthorizer implements Authorizer {
  readonly #groups: ReadonlySet<string>;

  constructor(groups: readonly string[]) {
    this.#groups = new Set(groups);
  }

  authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const isMember = attributes.user.groups.some((group) => this.#groups.has(group));
    return Promise.resolve(isMember ? { decision: "allow" } : { decision: "no-opinion" });
  }
}
