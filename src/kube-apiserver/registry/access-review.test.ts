import assert from "node:assert/strict";
import { test } from "node:test";

import { TestApiServer } from "../testing/test-cluster.ts";

const kubelet = { commonName: "system:node:n1", organizations: ["system:nodes"] };
const reviews = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

interface Review {
  readonly status: { readonly allowed: boolean; readonly reason?: string; readonly evaluationError?: string };
}

function review(resourceAttributes: object): object {
  const spec = { user: "system:node:n1", groups: ["system:nodes"], resourceAttributes };
  return { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
}

const list = { verb: "list", version: "v1", resource: "pods" };

test("a review's selectors narrow the question, in both forms; what is not understood is told and narrows nothing", async () => {
  await using api = await TestApiServer.start();
  const ask = async (attributes: object): Promise<Review["status"]> => {
    const answer = await api.request("POST", reviews, review({ ...list, ...attributes }));
    assert.equal(answer.status, 201, answer.text);
    return answer.json<Review>().status;
  };
  const refused = { allowed: false, reason: "can only list/watch pods with spec.nodeName field selector" };
  const own = { key: "spec.nodeName", operator: "In", values: ["n1"] };
  assert.deepEqual(await ask({}), refused);
  assert.deepEqual(await ask({ fieldSelector: { rawSelector: "spec.nodeName=n1" } }), { allowed: true });
  assert.deepEqual(await ask({ fieldSelector: { rawSelector: "spec.nodeName=n2" } }), refused);
  assert.deepEqual(await ask({ fieldSelector: { requirements: [own] } }), { allowed: true });
  assert.deepEqual(await ask({ fieldSelector: { requirements: [{ ...own, operator: "NotIn" }] } }), refused);
  const [wholly, partly] = ["ignored due to parse error", "partially ignored due to parse error"];
  const at = "spec.resourceAttributes.";
  assert.deepEqual(await ask({ fieldSelector: { requirements: [{ ...own, values: ["n1", "n2"] }] } }), {
    ...refused,
    evaluationError: `${at}fieldSelector ${wholly}`,
  });
  assert.deepEqual(await ask({ fieldSelector: { requirements: [own, { key: "x", operator: "Newer" }] } }), {
    allowed: true,
    evaluationError: `${at}fieldSelector ${partly}`,
  });
  assert.deepEqual(await ask({ fieldSelector: { rawSelector: "a=b=c" }, labelSelector: { rawSelector: "a b" } }), {
    ...refused,
    evaluationError: `${at}fieldSelector ${wholly}; ${at}labelSelector ${wholly}`,
  });
  const labels = [
    { key: "app", operator: "In", values: ["x"] },
    { key: "y", operator: "Newer" },
  ];
  assert.deepEqual(await ask({ labelSelector: { requirements: labels } }), {
    ...refused,
    evaluationError: `${at}labelSelector ${partly}`,
  });
});

test("a review that is not one is answered with all that is wrong with it", async () => {
  await using api = await TestApiServer.start();
  const path = "spec.resourceAttributes.fieldSelector";
  const cases: readonly (readonly [object, string])[] = [
    [
      { fieldSelector: { rawSelector: "a=b", requirements: [{ key: "", operator: "Exists", values: ["x"] }] } },
      `[${path}.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements, ` +
        `${path}.requirements[0].key: Required value: must be specified, ` +
        `${path}.requirements[0].values: Forbidden: may not be specified when \`operator\` is 'Exists' or 'DoesNotExist']`,
    ],
    [
      { fieldSelector: {} },
      `${path}.requirements: Required value: when ${path} is specified, requirements or rawSelector is required`,
    ],
    [
      { labelSelector: { requirements: [{ key: "app", operator: "In" }] } },
      "spec.resourceAttributes.labelSelector.requirements[0].values: Required value: " +
        "must be specified when `operator` is 'In' or 'NotIn'",
    ],
  ];
  for (const [attributes, message] of cases) {
    const answer = await api.request("POST", reviews, review({ ...list, ...attributes }));
    assert.equal(answer.status, 422, answer.text);
    assert.equal(answer.message, `.authorization.k8s.io "" is invalid: ${message}`);
  }
});

test("a node's requests are judged by their selectors as they are served, not as they look", async () => {
  await using api = await TestApiServer.start();
  const get = (path: string) => api.request("GET", path, undefined, { as: kubelet });
  const cases: readonly (readonly [string, number])[] = [
    ["/api/v1/pods?fieldSelector=spec.nodeName%3Dn1", 200],
    ["/api/v1/pods?fieldSelector=spec.nodeName%3Dn2", 403],
    ["/api/v1/pods?fieldSelector=spec.nodeName%3Dn2&fieldSelector=spec.nodeName%3Dn1", 403],
    ["/api/v1/pods", 403],
    ["/api/v1/watch/pods?fieldSelector=spec.nodeName%3Dn1", 403],
    ["/api/v1/nodes", 403],
    ["/api/v1/nodes?fieldSelector=metadata.name%3Dn1", 200],
    ["/api/v1/nodes?fieldSelector=metadata.name%3Dn2", 403],
    // One value that looks like two terms: it names no node, and excludes none.
    ["/api/v1/nodes?fieldSelector=spec.unschedulable!%3Da%5C,metadata.name%3Dn1", 403],
    ["/api/v1/nodes?fieldSelector=spec.unschedulable!%3Da%5C,metadata.name%5C%3Dn1", 403],
    ["/api/v1/nodes/n2", 403],
    ["/api/v1/namespaces/default/pods/p", 403],
  ];
  for (const [path, status] of cases) {
    const answer = await get(path);
    assert.equal(answer.status, status, `${path}: ${answer.text}`);
  }
  const rules = { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectRulesReview", spec: { namespace: "a" } };
  const told = await api.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", rules, {
    as: kubelet,
  });
  assert.equal(told.status, 201, told.text);
  const { incomplete, evaluationError } = told.json<{ status: { incomplete: boolean; evaluationError?: string } }>()
    .status;
  const problem = "node authorizer does not support user rule resolution";
  assert.deepEqual({ incomplete, evaluationError }, { incomplete: true, evaluationError: problem });
});
