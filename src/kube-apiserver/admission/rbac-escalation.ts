import { goQuote } from "../../apimachinery/go-format.ts";
import type { ClusterRole, PolicyRule, Role, RoleRef } from "../../api/rbac/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { formatRule, uncovered } from "../authorization/rule-coverage.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { refuse } from "./refuse.ts";

// Holds everything, also where no role says so.
const privilegedGroup = "system:masters";
const group = "rbac.authorization.k8s.io";
const roleKinds: ReadonlySet<string> = new Set(["roles", "clusterroles"]);
const bindingKinds: ReadonlySet<string> = new Set(["rolebindings", "clusterrolebindings"]);

/**
 * Nobody gives away what they do not have: whoever writes a role must hold its rules or be allowed to `escalate`, whoever
 * writes a binding must hold the role's rules or be allowed to `bind` it.
 *
 * Differs from upstream: there it is part of the storage of these kinds; the moment and the answer are the same.
 */
export class RbacEscalation implements AdmissionPlugin {
  readonly name = "RbacEscalation";
  readonly #authorizer: Authorizer;
  readonly #roles: Pick<StorageLister<Role>, "get">;
  readonly #clusterRoles: Pick<StorageLister<ClusterRole>, "get">;

  constructor(options: {
    readonly authorizer: Authorizer;
    readonly roles: Pick<StorageLister<Role>, "get">;
    readonly clusterRoles: Pick<StorageLister<ClusterRole>, "get">;
  }) {
    this.#authorizer = options.authorizer;
    this.#roles = options.roles;
    this.#clusterRoles = options.clusterRoles;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE" || operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { resource, object, oldObject, user } = attributes;
    if (attributes.group !== group || !object || user.groups.includes(privilegedGroup)) return;
    if (roleKinds.has(resource)) {
      const role = object as unknown as ClusterRole;
      const old = oldObject as unknown as ClusterRole | undefined;
      if (old && semanticEqual(old.rules, role.rules) && semanticEqual(old.aggregationRule, role.aggregationRule))
        return;
      if (await this.#may(attributes, "escalate", resource, attributes.name || role.metadata.name)) return;
      // A role that collects others may become anything, so only who may do everything makes one.
      const rules = role.aggregationRule ? [...(role.rules ?? []), ...everything] : (role.rules ?? []);
      this.#checkCovered(attributes, rules);
    } else if (bindingKinds.has(resource)) {
      const { roleRef, subjects } = object as unknown as { roleRef: RoleRef; subjects?: unknown };
      const old = oldObject as unknown as { roleRef: RoleRef; subjects?: unknown } | undefined;
      if (old && semanticEqual(old.roleRef, roleRef) && semanticEqual(old.subjects, subjects)) return;
      const target = roleRef.kind === "Role" ? "roles" : "clusterroles";
      if (await this.#may(attributes, "bind", target, roleRef.name)) return;
      const role =
        roleRef.kind === "Role"
          ? this.#roles.get(attributes.namespace, roleRef.name)
          : this.#clusterRoles.get("", roleRef.name);
      if (!role) throw refuse(attributes, `${target}.${group} "${roleRef.name}" not found`);
      this.#checkCovered(attributes, role.rules ?? []);
    }
  }

  async #may(attributes: AdmissionAttributes, verb: string, resource: string, name: string): Promise<boolean> {
    const { decision } = await this.#authorizer.authorize({
      user: attributes.user,
      verb,
      isResourceRequest: true,
      namespace: attributes.namespace,
      apiGroup: group,
      apiVersion: attributes.version,
      resource,
      subresource: "",
      name,
      path: "",
    });
    return decision === "allow";
  }

  #checkCovered(attributes: AdmissionAttributes, rules: readonly PolicyRule[]): void {
    const { user } = attributes;
    const missing = uncovered(this.#authorizer.rulesFor?.(user, attributes.namespace) ?? [], rules);
    if (missing.length === 0) return;
    const groups = `[${user.groups.map(goQuote).join(" ")}]`;
    const list = missing.map(formatRule).join("\n");
    throw refuse(
      attributes,
      `user ${goQuote(user.name)} (groups=${groups}) is attempting to grant RBAC permissions not currently held:\n${list}`,
    );
  }
}

const everything: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];
