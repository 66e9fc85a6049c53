import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../api/rbac/v1/types.gen.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";

export type RbacObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding;

/** One binding that concerns a user, with the subject through which it does. */
export interface BoundRole {
  readonly binding: ClusterRoleBinding | RoleBinding;
  readonly subject: Subject;
  /** Undefined when the role the binding names does not exist. */
  readonly rules: readonly PolicyRule[] | undefined;
}

type Binding = ClusterRoleBinding | RoleBinding;
/** Subject key → binding name → binding. */
type BindingsBySubject = Map<string, Map<string, Binding>>;

/**
 * The cluster's roles and bindings, kept by who is bound, so that one decision costs the user's own bindings and not all
 * of them. Fed by whoever watches the four kinds; `set` and `delete` are idempotent.
 */
export class RbacIndex {
  readonly #clusterRoles = new Map<string, ClusterRole>();
  /** By namespace/name. */
  readonly #roles = new Map<string, Role>();
  /** Namespace ("" for cluster-wide) → bindings by subject. */
  readonly #bindings = new Map<string, BindingsBySubject>();
  /** The bindings as last set, to find their old subjects again. */
  readonly #stored = new Map<string, Binding>();

  set(object: RbacObject): void {
    switch (object.kind) {
      case "ClusterRole":
        this.#clusterRoles.set(object.metadata.name, object);
        break;
      case "Role":
        this.#roles.set(`${object.metadata.namespace}/${object.metadata.name}`, object);
        break;
      case "ClusterRoleBinding":
      case "RoleBinding":
        this.#removeBinding(object);
        this.#addBinding(object);
        break;
    }
  }

  delete(object: RbacObject): void {
    switch (object.kind) {
      case "ClusterRole":
        this.#clusterRoles.delete(object.metadata.name);
        break;
      case "Role":
        this.#roles.delete(`${object.metadata.namespace}/${object.metadata.name}`);
        break;
      case "ClusterRoleBinding":
      case "RoleBinding":
        this.#removeBinding(object);
        break;
    }
  }

  /** The bindings that apply to `user`: cluster-wide ones first, then those of `namespace` unless it is "". */
  *bindingsOf(user: UserInfo, namespace: string): Generator<BoundRole> {
    yield* this.#bindingsIn("", user);
    if (namespace !== "") yield* this.#bindingsIn(namespace, user);
  }

  /** All rules of the roles bound to the user. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[] {
    return [...this.bindingsOf(user, namespace)].flatMap((bound) => bound.rules ?? []);
  }

  clusterRole(name: string): ClusterRole | undefined {
    return this.#clusterRoles.get(name);
  }

  *#bindingsIn(namespace: string, user: UserInfo): Generator<BoundRole> {
    const bySubject = this.#bindings.get(namespace);
    if (!bySubject) return;
    const keys = [`User:${user.name}`, ...user.groups.map((group) => `Group:${group}`)];
    for (const key of keys) {
      for (const binding of bySubject.get(key)?.values() ?? []) {
        const subject = (binding.subjects ?? []).find((s) => subjectKey(s, namespace) === key);
        if (subject) yield { binding, subject, rules: this.#rulesOf(binding) };
      }
    }
  }

  #rulesOf(binding: Binding): readonly PolicyRule[] | undefined {
    const ref = binding.roleRef;
    const role =
      ref.kind === "ClusterRole"
        ? this.#clusterRoles.get(ref.name)
        : this.#roles.get(`${binding.metadata.namespace ?? ""}/${ref.name}`);
    return role && (role.rules ?? []);
  }

  #addBinding(binding: Binding): void {
    const namespace = binding.metadata.namespace ?? "";
    let bySubject = this.#bindings.get(namespace);
    if (!bySubject) this.#bindings.set(namespace, (bySubject = new Map()));
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      let byName = bySubject.get(key);
      if (!byName) bySubject.set(key, (byName = new Map()));
      byName.set(binding.metadata.name, binding);
    }
    this.#stored.set(`${namespace}/${binding.metadata.name}`, binding);
  }

  #removeBinding(binding: Binding): void {
    const namespace = binding.metadata.namespace ?? "";
    const storedKey = `${namespace}/${binding.metadata.name}`;
    const old = this.#stored.get(storedKey);
    if (!old) return;
    this.#stored.delete(storedKey);
    const bySubject = this.#bindings.get(namespace);
    for (const subject of old.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const byName = bySubject?.get(key);
      byName?.delete(binding.metadata.name);
      if (byName?.size === 0) bySubject?.delete(key);
    }
    if (bySubject?.size === 0) this.#bindings.delete(namespace);
  }
}

/** A service account is known to the authorizer by its user name; one without namespace, in a RoleBinding, by the binding's. */
function subjectKey(subject: Subject, bindingNamespace: string): string {
  if (subject.kind !== "ServiceAccount") return `${subject.kind}:${subject.name}`;
  const namespace = subject.namespace ?? bindingNamespace;
  return `User:system:serviceaccount:${namespace}:${subject.name}`;
}
