import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";
import type { PolicyRule } from "../../api/rbac/v1/types.gen.ts";
import type { BoundRole, RbacIndex } from "./rbac-index.ts";
import { ruleAllows } from "./rbac-rules.ts";

/** Role-based access control over the indexed roles and bindings. Has no opinion rather than denying, so that others may allow. */
export class RbacAuthorizer implements Authorizer {
  readonly #index: RbacIndex;

  constructor(index: RbacIndex) {
    this.#index = index;
  }

  authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const problems: string[] = [];
    const namespace = attributes.isResourceRequest ? attributes.namespace : "";
    for (const bound of this.#index.bindingsOf(attributes.user, namespace)) {
      if (!bound.rules) problems.push(missingRole(bound));
      else if (bound.rules.some((rule) => ruleAllows(rule, attributes))) {
        return Promise.resolve({ decision: "allow", reason: `RBAC: allowed by ${describe(bound)}` });
      }
    }
    const reason =
      problems.length === 0 ? "" : `RBAC: ${problems.length === 1 ? problems[0] : `[${problems.join(", ")}]`}`;
    return Promise.resolve({ decision: "no-opinion", reason });
  }

  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[] {
    return this.#index.rulesFor(user, namespace);
  }
}

function missingRole({ binding }: BoundRole): string {
  return `${binding.roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io "${binding.roleRef.name}" not found`;
}

function describe({ binding, subject }: BoundRole): string {
  const { kind, metadata, roleRef } = binding;
  const role =
    kind === "RoleBinding" && roleRef.kind === "Role" ? `${roleRef.name}/${metadata.namespace}` : roleRef.name;
  const name = kind === "RoleBinding" ? `${metadata.name}/${metadata.namespace}` : metadata.name;
  const who =
    subject.kind === "ServiceAccount"
      ? `${subject.name}/${subject.namespace ?? metadata.namespace ?? ""}`
      : subject.name;
  return `${kind} "${name}" of ${roleRef.kind} "${role}" to ${subject.kind} "${who}"`;
}
