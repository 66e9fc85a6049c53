import { badRequest, invalid } from "../../apimachinery/errors/new.ts";
import type { KubeObject } from "../../apimachinery/resource-type.ts";
import type { SelfSubjectReview, TokenReview } from "../../api/authentication/v1/types.gen.ts";
import type {
  LocalSubjectAccessReview,
  ResourceRule,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SelfSubjectRulesReview,
  SubjectAccessReview,
} from "../../api/authorization/v1/types.gen.ts";
import type { FieldError } from "../../apimachinery/validation/field-error.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import type { ReviewHandler } from "../../apiserver/registry/generic/resource-registration.ts";
import type { TokenAuthenticator } from "../authentication/service-account-token-authenticator.ts";
import { questionOf, validateAccessReview, validateSelfAccessReview } from "./access-review.ts";
import { InvalidTokenError } from "../authentication/service-account-token-authenticator.ts";

/** The kinds that are questions: answered, never stored. By `group/resource`. */
export function reviewHandlers(options: {
  readonly authorizer: Authorizer;
  readonly tokenAuthenticators: readonly TokenAuthenticator[];
  readonly apiAudiences: readonly string[];
}): Readonly<Record<string, ReviewHandler>> {
  const { authorizer, tokenAuthenticators, apiAudiences } = options;

  const access = async (
    object: KubeObject,
    user: UserInfo,
    spec: SelfSubjectAccessReviewSpec,
    errors: readonly FieldError[],
  ): Promise<KubeObject> => {
    // Upstream's internal object has no kind here.
    if (errors.length > 0) throw invalid({ group: "authorization.k8s.io", kind: "" }, "", errors);
    const { attributes, evaluationError } = questionOf(user, spec);
    const { decision, reason } = await authorizer.authorize(attributes);
    const status = {
      allowed: decision === "allow",
      ...(decision === "deny" ? { denied: true } : {}),
      ...(reason ? { reason } : {}),
      ...(evaluationError ? { evaluationError } : {}),
    };
    return { ...object, status } as KubeObject;
  };

  const subjectAccess: ReviewHandler = (object, { namespace }) => {
    const { spec, metadata } = object as unknown as SubjectAccessReview | LocalSubjectAccessReview;
    const { user = "", uid, groups = [], extra } = spec;
    const subject = { name: user, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) };
    return access(object, subject, spec, validateAccessReview(spec, metadata, namespace !== ""));
  };

  return {
    "authentication.k8s.io/selfsubjectreviews": async (object, { user, nowMs }) => {
      const metadata = { ...object.metadata, creationTimestamp: formatTime(nowMs) };
      const review = { ...object, metadata, status: { userInfo: userStatus(user) } } as unknown as SelfSubjectReview;
      return review;
    },
    "authentication.k8s.io/tokenreviews": async (object) => {
      const { spec } = object as unknown as TokenReview;
      if (!spec.token) throw badRequest("token is required for TokenReview in authentication");
      const audiences = (spec.audiences?.length ?? 0) > 0 ? (spec.audiences ?? []) : apiAudiences;
      const status = await reviewToken(tokenAuthenticators, spec.token, audiences);
      return { ...object, status } as KubeObject;
    },
    "authorization.k8s.io/selfsubjectaccessreviews": (object, { user }) => {
      const { spec, metadata } = object as unknown as SelfSubjectAccessReview;
      return access(object, user, spec, validateSelfAccessReview(spec, metadata));
    },
    "authorization.k8s.io/subjectaccessreviews": subjectAccess,
    "authorization.k8s.io/localsubjectaccessreviews": subjectAccess,
    "authorization.k8s.io/selfsubjectrulesreviews": async (object, { user }) => {
      const { namespace } = (object as unknown as SelfSubjectRulesReview).spec;
      if (!namespace) throw badRequest("no namespace on request");
      const rules = authorizer.rulesFor?.(user, namespace) ?? [];
      const resourceRules: ResourceRule[] = rules.filter((rule) => (rule.resources?.length ?? 0) > 0);
      const nonResourceRules = rules.filter((rule) => (rule.nonResourceURLs?.length ?? 0) > 0);
      const problem = authorizer.rulesProblem?.(user);
      const known = { resourceRules, nonResourceRules, incomplete: problem !== undefined };
      return { ...object, status: { ...known, ...(problem ? { evaluationError: problem } : {}) } } as KubeObject;
    },
  };
}

function userStatus({ name, uid, groups, extra }: UserInfo): unknown {
  return { username: name, ...(uid ? { uid } : {}), groups, ...(extra ? { extra } : {}) };
}

async function reviewToken(
  authenticators: readonly TokenAuthenticator[],
  token: string,
  audiences: readonly string[],
): Promise<unknown> {
  try {
    for (const authenticator of authenticators) {
      const result = await authenticator.authenticateToken(token, audiences);
      if (!result) continue;
      const user = { ...result.user, groups: [...result.user.groups, "system:authenticated"] };
      return {
        authenticated: true,
        user: userStatus(user),
        ...(result.audiences ? { audiences: result.audiences } : {}),
      };
    }
    return { user: {} };
  } catch (error) {
    if (!(error instanceof InvalidTokenError)) throw error;
    return { user: {}, error: `[invalid bearer token, ${error.message}]` };
  }
}
