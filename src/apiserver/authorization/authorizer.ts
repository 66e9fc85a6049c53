import type { FieldRequirement } from "../../apimachinery/fields/selector.ts";
import type { Requirement } from "../../apimachinery/labels/requirement.ts";
import type { UserInfo } from "../authentication/user-info.ts";

/**
 * What a list, watch or deletecollection is narrowed to: all of the requirements hold for whatever it is about. Absent when it is not
 * narrowed, or by a text that is no selector.
 */
export interface SelectorRequirements {
  readonly fieldSelector?: readonly FieldRequirement[];
  readonly labelSelector?: readonly Requirement[];
}

/** What a request wants to do; upstream's authorizer.Attributes. */
export interface AuthorizationAttributes extends SelectorRequirements {
  readonly user: UserInfo;
  /** get, list, watch, create, update, patch, delete, deletecollection …; the lower-case HTTP method for non-resource paths. */
  readonly verb: string;
  readonly isResourceRequest: boolean;
  readonly namespace: string;
  readonly apiGroup: string;
  readonly apiVersion: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  readonly path: string;
}

export interface AuthorizationResult {
  readonly decision: "allow" | "deny" | "no-opinion";
  readonly reason?: string;
}

/** Decides one request. Rejecting counts as a denial. */
export interface Authorizer {
  authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult>;
  /** The rules that apply to a user in a namespace, for SelfSubjectRulesReview and escalation checks. */
  rulesFor?(
    user: UserInfo,
    namespace: string,
  ): readonly {
    readonly verbs: readonly string[];
    readonly apiGroups?: readonly string[];
    readonly resources?: readonly string[];
    readonly resourceNames?: readonly string[];
    readonly nonResourceURLs?: readonly string[];
  }[];
  /** Why what `rulesFor` tells of the user is not all; undefined when it is. */
  rulesProblem?(user: UserInfo): string | undefined;
}
