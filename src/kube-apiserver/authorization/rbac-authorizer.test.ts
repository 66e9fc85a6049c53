import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from "../../api/rbac/v1/types.gen.ts";
import type { AuthorizationAttributes } from "../../apiserver/authorization/authorizer.ts";
import { RbacAuthorizer } from "./rbac-authorizer.ts";
import { RbacIndex } from "./rbac-index.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const apiGroup = "rbac.authorization.k8s.io";

const reader = {
  apiVersion,
  kind: "ClusterRole",
  metadata: { name: "reader" },
  rules: [
    { verbs: ["get", "list"], apiGroups: [""], resources: ["pods", "pods/log"] },
    { verbs: ["get"], apiGroups: [""], resources: ["secrets"], resourceNames: ["mine"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["*/scale"] },
    { verbs: ["get"], nonResourceURLs: ["/metrics", "/debug/*"] },
  ],
} as unknown as ClusterRole;

function binding(
  kind: "ClusterRoleBinding" | "RoleBinding",
  subjects: object[],
  more: object = {},
): ClusterRoleBinding & RoleBinding {
  return {
    apiVersion,
    kind,
    metadata: { name: "b", ...(kind === "RoleBinding" ? { namespace: "a" } : {}) },
    roleRef: { apiGroup, kind: "ClusterRole", name: "reader" },
    subjects,
    ...more,
  } as unknown as ClusterRoleBinding & RoleBinding;
}

function ask(
  more: Partial<AuthorizationAttributes> & { user?: AuthorizationAttributes["user"] },
): AuthorizationAttributes {
  return {
    user: { name: "jane", groups: ["dev"] },
    verb: "get",
    isResourceRequest: true,
    namespace: "a",
    apiGroup: "",
    apiVersion: "v1",
    resource: "pods",
    subresource: "",
    name: "",
    path: "",
    ...more,
  };
}

const jane = { kind: "User", apiGroup, name: "jane" };

async function decide(
  objects: readonly (ClusterRole | Role | ClusterRoleBinding | RoleBinding)[],
  attributes: AuthorizationAttributes,
) {
  const index = new RbacIndex();
  for (const object of objects) index.set(object);
  return new RbacAuthorizer(index).authorize(attributes);
}

test("rules decide by verb, group, resource, subresource, name and path", async () => {
  const objects = [reader, binding("ClusterRoleBinding", [jane])];
  const cases: readonly (readonly [Partial<AuthorizationAttributes>, boolean])[] = [
    [{}, true],
    [{ verb: "delete" }, false],
    [{ resource: "services" }, false],
    [{ apiGroup: "apps" }, false],
    [{ subresource: "log" }, true],
    [{ subresource: "exec" }, false],
    [{ resource: "secrets", name: "mine" }, true],
    [{ resource: "secrets", name: "yours" }, false],
    [{ resource: "secrets" }, false],
    [{ verb: "update", apiGroup: "apps", resource: "deployments", subresource: "scale" }, true],
    [{ verb: "update", apiGroup: "apps", resource: "deployments" }, false],
    [{ isResourceRequest: false, path: "/metrics" }, true],
    [{ isResourceRequest: false, path: "/debug/pprof" }, true],
    [{ isResourceRequest: false, path: "/other" }, false],
    [{ user: { name: "joe", groups: ["dev"] } }, false],
  ];
  for (const [more, isAllowed] of cases) {
    const { decision } = await decide(objects, ask(more));
    assert.equal(decision, isAllowed ? "allow" : "no-opinion", JSON.stringify(more));
  }
});

test("a role binding counts in its namespace alone", async () => {
  const objects = [reader, binding("RoleBinding", [jane])];
  assert.equal((await decide(objects, ask({}))).decision, "allow");
  assert.equal((await decide(objects, ask({ namespace: "b" }))).decision, "no-opinion");
  assert.equal((await decide(objects, ask({ namespace: "" }))).decision, "no-opinion");
});

test("groups and service accounts are subjects; reasons name the way", async () => {
  const group = await decide(
    [reader, binding("ClusterRoleBinding", [{ kind: "Group", apiGroup, name: "dev" }])],
    ask({}),
  );
  assert.equal(group.reason, 'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to Group "dev"');
  const account = { kind: "ServiceAccount", name: "robot" };
  const user = { name: "system:serviceaccount:a:robot", groups: [] };
  const robot = await decide([reader, binding("RoleBinding", [account])], ask({ user }));
  assert.equal(robot.reason, 'RBAC: allowed by RoleBinding "b/a" of ClusterRole "reader" to ServiceAccount "robot/a"');
});

test("a binding without its role says so; a changed binding forgets its old subjects", async () => {
  const missing = await decide([binding("ClusterRoleBinding", [jane])], ask({}));
  assert.equal(missing.reason, 'RBAC: clusterrole.rbac.authorization.k8s.io "reader" not found');
  const index = new RbacIndex();
  index.set(reader);
  index.set(binding("ClusterRoleBinding", [jane]));
  index.set(binding("ClusterRoleBinding", [{ kind: "User", apiGroup, name: "joe" }]));
  const authorizer = new RbacAuthorizer(index);
  assert.equal((await authorizer.authorize(ask({}))).decision, "no-opinion");
  index.delete(binding("ClusterRoleBinding", []));
  assert.equal((await authorizer.authorize(ask({ user: { name: "joe", groups: [] } }))).decision, "no-opinion");
});
