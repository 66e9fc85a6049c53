import assert from "node:assert/strict";
import { test } from "node:test";

import type { AuthorizationAttributes } from "../authorization/authorizer.ts";
import { AuditPolicy } from "./audit-policy.ts";

const policy = (parts: object): AuditPolicy =>
  AuditPolicy.parse({ apiVersion: "audit.k8s.io/v1", kind: "Policy", ...parts });

const request = (more: Partial<AuthorizationAttributes> = {}): AuthorizationAttributes => ({
  user: { name: "jane", groups: ["dev"] },
  verb: "get",
  isResourceRequest: true,
  namespace: "default",
  apiGroup: "",
  apiVersion: "v1",
  resource: "pods",
  subresource: "",
  name: "web",
  path: "",
  ...more,
});

test("the first rule that fits a request says what is recorded of it", () => {
  const path = (path: string): Partial<AuthorizationAttributes> => ({ isResourceRequest: false, path, resource: "" });
  const log = { subresource: "log" };
  // A rule, what is asked, and whether it is about that.
  const cases: readonly [object, Partial<AuthorizationAttributes>, boolean][] = [
    [{}, {}, true],
    [{ users: ["jane"] }, {}, true],
    [{ users: ["bob"] }, {}, false],
    [{ userGroups: ["ops", "dev"] }, {}, true],
    [{ userGroups: ["ops"] }, {}, false],
    [{ verbs: ["list"] }, {}, false],
    [{ namespaces: ["default"] }, {}, true],
    [{ namespaces: [""] }, {}, false],
    [{ namespaces: ["default"] }, path("/x"), false],
    [{ resources: [{ group: "" }] }, {}, true],
    [{ resources: [{ group: "apps" }] }, {}, false],
    [{ resources: [{ group: "*", resources: ["pods"] }] }, {}, true],
    [{ resources: [{ resources: ["pods"] }] }, log, false],
    [{ resources: [{ resources: ["pods/log"] }] }, log, true],
    [{ resources: [{ resources: ["pods/*"] }] }, log, true],
    [{ resources: [{ resources: ["*/log"] }] }, log, true],
    [{ resources: [{ resources: ["*/log"] }] }, {}, false],
    [{ resources: [{ resources: ["*"] }] }, log, true],
    [{ resources: [{ resources: ["pods"], resourceNames: ["web"] }] }, {}, true],
    [{ resources: [{ resources: ["pods"], resourceNames: ["db"] }] }, {}, false],
    [{ nonResourceURLs: ["/healthz*"] }, path("/healthz/ping"), true],
    [{ nonResourceURLs: ["/healthz"] }, path("/healthz/ping"), false],
    [{ nonResourceURLs: ["*"] }, path("/x"), true],
    [{ nonResourceURLs: ["*"] }, {}, false],
  ];
  for (const [rule, asked, isAbout] of cases) {
    const found = policy({ rules: [{ level: "Request", ...rule }, { level: "Metadata" }] }).configFor(request(asked));
    assert.equal(found.level, isAbout ? "Request" : "Metadata", JSON.stringify([rule, asked]));
  }
  assert.equal(policy({ rules: [{ level: "Request", users: ["bob"] }] }).configFor(request()).level, "None");
});

test("stages left out add up, a rule's word on managed fields is the last", () => {
  const found = policy({
    omitStages: ["RequestReceived"],
    omitManagedFields: true,
    rules: [{ level: "Request", omitStages: ["Panic"], omitManagedFields: false }],
  }).configFor(request());
  assert.deepEqual([...found.omitStages].sort(), ["Panic", "RequestReceived"]);
  assert.equal(found.omitManagedFields, false);
});

test("a policy that is not valid is refused with everything that is wrong with it", () => {
  assert.throws(() => AuditPolicy.parse({ apiVersion: "v1", kind: "Policy" }), /unknown group version field/);
  assert.throws(() => policy({ rules: [] }), /^InvalidPolicyError: loaded illegal policy with 0 rules$/);
  const wrong = [
    { level: "" },
    { level: "Everything", nonResourceURLs: ["x", "/a*b"], omitStages: ["Later"] },
    { level: "None", nonResourceURLs: ["/x"], resources: [{ group: "apps/v1", resourceNames: ["a"] }] },
  ];
  assert.throws(
    () => policy({ rules: wrong }),
    ({ message }: Error) => {
      for (const part of [
        "rules[0].level: Required value",
        'rules[1].level: Unsupported value: "Everything": supported values: "None", "Metadata", "Request", "RequestResponse"',
        `rules[1].nonResourceURLs[0]: Invalid value: "x": non-resource URL rules must begin with a '/' character`,
        `rules[1].nonResourceURLs[1]: Invalid value: "/a*b": non-resource URL wildcards '*' must be the final character of the rule`,
        'rules[1].omitStages[0]: Invalid value: "Later": allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic',
        'rules[2].resources.group: Invalid value: "apps/v1"',
        'rules[2].resources.resourceNames: Invalid value: ["a"]: using resourceNames requires at least one resource',
        'rules[2].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      ])
        assert.ok(message.includes(part), `${message}\n${part}`);
      return true;
    },
  );
});
