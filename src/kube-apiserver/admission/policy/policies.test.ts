import assert from "node:assert/strict";
import { test } from "node:test";
import type { ConfigMap } from "../../../api/core/v1/types.gen.ts";
import type { Deployment } from "../../../api/apps/v1/types.gen.ts";
import { TestApiServer } from "../../testing/test-cluster.ts";

const group = "/apis/admissionregistration.k8s.io/v1";
const configMaps = "/api/v1/namespaces/default/configmaps";

const rules = (resources: readonly string[], groups: readonly string[] = [""]): object => ({
  resourceRules: [{ apiGroups: groups, apiVersions: ["v1"], operations: ["CREATE", "UPDATE"], resources }],
});

async function create(api: TestApiServer, path: string, body: object): Promise<void> {
  const answer = await api.request("POST", path, body);
  assert.equal(answer.status, 201, answer.text);
}

async function validating(api: TestApiServer, spec: object, binding: object = {}): Promise<void> {
  await create(api, `${group}/validatingadmissionpolicies`, {
    metadata: { name: "p" },
    spec: { matchConstraints: rules(["configmaps"]), ...spec },
  });
  await create(api, `${group}/validatingadmissionpolicybindings`, {
    metadata: { name: "b" },
    spec: { policyName: "p", validationActions: ["Deny"], ...binding },
  });
}

async function mutating(api: TestApiServer, spec: object, binding: object = {}): Promise<void> {
  await create(api, `${group}/mutatingadmissionpolicies`, {
    metadata: { name: "p" },
    spec: { matchConstraints: rules(["configmaps"]), reinvocationPolicy: "Never", ...spec },
  });
  await create(api, `${group}/mutatingadmissionpolicybindings`, {
    metadata: { name: "b" },
    spec: { policyName: "p", ...binding },
  });
}

const configMap = (name: string, data: object = {}): object => ({ metadata: { name }, data });

test("a validation that does not hold refuses with its message and reason; one that holds lets pass", async () => {
  await using api = await TestApiServer.start();
  await validating(api, {
    variables: [
      { name: "max", expression: "3" },
      { name: "count", expression: "has(object.data) ? size(object.data) : 0" },
    ],
    validations: [
      {
        expression: "variables.count <= variables.max",
        messageExpression: "'at most ' + string(variables.max) + ' keys, not ' + string(variables.count)",
        reason: "Forbidden",
      },
      { expression: "object.metadata.name != 'bad'", message: "a bad name" },
      { expression: "!object.metadata.name.startsWith('odd')" },
    ],
  });
  await create(api, configMaps, configMap("fine", { a: "1" }));
  const many = await api.request("POST", configMaps, configMap("many", { a: "", b: "", c: "", d: "" }));
  assert.equal(many.status, 403);
  assert.equal(
    many.message,
    `configmaps "many" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: at most 3 keys, not 4`,
  );
  const bad = await api.request("POST", configMaps, configMap("bad"));
  assert.deepEqual([bad.status, bad.json<{ reason: string }>().reason], [422, "Invalid"]);
  assert.match(bad.message, /denied request: a bad name$/);
  const odd = await api.request("POST", configMaps, configMap("odd"));
  assert.match(odd.message, /denied request: failed expression: !object\.metadata\.name\.startsWith\('odd'\)$/);
});

test("an object that could not be created anyway is judged before it is told so", async () => {
  await using api = await TestApiServer.start();
  await validating(api, { validations: [{ expression: "object.metadata.name == 'good'", message: "no" }] });
  const send = async (name: string): Promise<string> =>
    (await api.request("POST", configMaps, { metadata: { name, resourceVersion: "5" } })).message;
  assert.match(await send("bad"), /denied request: no$/);
  assert.equal(await send("good"), "resourceVersion should not be set on objects to be created");
});

test("what cannot be evaluated refuses, unless the policy says to ignore it", async () => {
  for (const failurePolicy of ["Fail", "Ignore"]) {
    await using api = await TestApiServer.start();
    await validating(api, { failurePolicy, validations: [{ expression: "object.data.missing == 'x'" }] });
    const answer = await api.request("POST", configMaps, configMap("a", { other: "y" }));
    assert.equal(answer.status, failurePolicy === "Fail" ? 422 : 201, answer.text);
    if (failurePolicy === "Fail")
      assert.match(
        answer.message,
        /expression 'object\.data\.missing == 'x'' resulted in error: no such key: missing$/,
      );
  }
});

test("a hostile expression ends within its budget", async () => {
  await using api = await TestApiServer.start();
  const list = `[${"0,".repeat(50)}0]`;
  await validating(api, {
    validations: [{ expression: `${list}.all(a, ${list}.all(b, ${list}.all(c, ${list}.all(d, a + b + c + d == 0))))` }],
  });
  const answer = await api.request("POST", configMaps, configMap("a"));
  assert.equal(answer.status, 422);
  assert.match(answer.message, /operation cancelled: actual cost limit exceeded|running out of cost budget/);
});

test("bindings choose parameters, which may be missing", async () => {
  await using api = await TestApiServer.start();
  await validating(
    api,
    {
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConditions: [{ name: "not-params", expression: "!object.metadata.name.startsWith('params')" }],
      validations: [{ expression: "object.metadata.name != params.data.forbidden" }],
    },
    { paramRef: { name: "params", namespace: "default", parameterNotFoundAction: "Deny" } },
  );
  const missing = await api.request("POST", configMaps, configMap("a"));
  assert.match(
    missing.message,
    /failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction$/,
  );
  // Whoever writes parameters is not judged by them, but they are not there yet.
  await api.request("DELETE", `${group}/validatingadmissionpolicybindings/b`);
  await create(api, configMaps, configMap("params", { forbidden: "b" }));
  await create(api, `${group}/validatingadmissionpolicybindings`, {
    metadata: { name: "b" },
    spec: {
      policyName: "p",
      validationActions: ["Deny"],
      paramRef: { name: "params", namespace: "default", parameterNotFoundAction: "Deny" },
    },
  });
  await create(api, configMaps, configMap("a"));
  const answer = await api.request("POST", configMaps, configMap("b"));
  assert.match(answer.message, /failed expression: object\.metadata\.name != params\.data\.forbidden$/);
});

test("a binding may warn instead", async () => {
  await using api = await TestApiServer.start();
  await validating(
    api,
    { validations: [{ expression: "false", message: "no" }] },
    { validationActions: ["Warn", "Audit"] },
  );
  const answer = await api.request("POST", configMaps, configMap("a"));
  assert.equal(answer.status, 201);
  assert.match(
    String(answer.headers["warning"]),
    /Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no/,
  );
});

test("expressions ask the authorizer about the user and about others", async () => {
  await using api = await TestApiServer.start();
  await validating(api, {
    validations: [
      {
        expression:
          "authorizer.group('').resource('secrets').namespace('default').check('get').allowed() && !authorizer.serviceAccount('default', 'default').group('').resource('secrets').check('get').allowed()",
      },
      { expression: "authorizer.requestResource.check('create').allowed()" },
    ],
  });
  await create(api, configMaps, configMap("a"));
});

test("excluded rules, selectors and names keep a policy away", async () => {
  await using api = await TestApiServer.start();
  await validating(api, {
    matchConstraints: {
      ...rules(["configmaps"]),
      excludeResourceRules: [
        { apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["configmaps"], resourceNames: ["free"] },
      ],
      objectSelector: { matchExpressions: [{ key: "free", operator: "DoesNotExist" }] },
    },
    validations: [{ expression: "false" }],
  });
  await create(api, configMaps, configMap("free"));
  await create(api, configMaps, { metadata: { name: "labelled", labels: { free: "yes" } } });
  assert.equal((await api.request("POST", configMaps, configMap("a"))).status, 422);
});

test("a policy adds fields by an apply configuration and by a JSON patch", async () => {
  await using api = await TestApiServer.start();
  await mutating(api, {
    mutations: [
      {
        patchType: "ApplyConfiguration",
        applyConfiguration: {
          expression: "Object{metadata: Object.metadata{labels: {'by': 'policy'}}, data: {'a': object.metadata.name}}",
        },
      },
      {
        patchType: "JSONPatch",
        jsonPatch: {
          expression: `[JSONPatch{op: "add", path: "/data/" + jsonpatch.escapeKey("b~c"), value: "patched"}]`,
        },
      },
    ],
  });
  const answer = await api.request("POST", configMaps, configMap("m", { own: "1" }));
  assert.equal(answer.status, 422, "a key of a ConfigMap may not contain a tilde");
  await api.request("DELETE", `${group}/mutatingadmissionpolicies/p`);
  await create(api, `${group}/mutatingadmissionpolicies`, {
    metadata: { name: "p" },
    spec: {
      matchConstraints: rules(["configmaps"]),
      reinvocationPolicy: "Never",
      mutations: [
        {
          patchType: "ApplyConfiguration",
          applyConfiguration: {
            expression:
              "Object{metadata: Object.metadata{labels: {'by': 'policy'}}, data: {'a': object.metadata.name}}",
          },
        },
        {
          patchType: "JSONPatch",
          jsonPatch: { expression: `[JSONPatch{op: "add", path: "/data/b", value: object.data.a + "!"}]` },
        },
      ],
    },
  });
  const made = await api.request("POST", configMaps, configMap("m", { own: "1" }));
  assert.equal(made.status, 201, made.text);
  const { metadata, data } = made.json<ConfigMap>();
  assert.deepEqual([metadata.labels, data], [{ by: "policy" }, { own: "1", a: "m", b: "m!" }]);
});

test("items of a list with keys are merged into what is there, and defaulted", async () => {
  await using api = await TestApiServer.start();
  await mutating(api, {
    matchConstraints: rules(["deployments"], ["apps"]),
    mutations: [
      {
        patchType: "ApplyConfiguration",
        applyConfiguration: {
          expression: `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{
            initContainers: [Object.spec.template.spec.initContainers{name: "mesh", image: "mesh:1", restartPolicy: "Always"}]}}}}`,
        },
      },
    ],
  });
  const answer = await api.request("POST", "/apis/apps/v1/namespaces/default/deployments", {
    metadata: { name: "web" },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  });
  assert.equal(answer.status, 201, answer.text);
  const [mesh] = answer.json<Deployment>().spec.template.spec?.initContainers ?? [];
  assert.deepEqual([mesh?.name, mesh?.restartPolicy, mesh?.imagePullPolicy], ["mesh", "Always", "IfNotPresent"]);
});

test("what is owned as a whole may not be set in part, and names of objects must be their places", async () => {
  await using api = await TestApiServer.start();
  const refused = async (expression: string): Promise<string> => {
    await mutating(api, {
      matchConstraints: rules(["deployments"], ["apps"]),
      mutations: [{ patchType: "ApplyConfiguration", applyConfiguration: { expression } }],
    });
    const answer = await api.request("POST", "/apis/apps/v1/namespaces/default/deployments", {
      metadata: { name: "web" },
      spec: {
        selector: { matchLabels: { app: "web" } },
        template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      },
    });
    await api.request("DELETE", `${group}/mutatingadmissionpolicies/p`);
    await api.request("DELETE", `${group}/mutatingadmissionpolicybindings/b`);
    return answer.message;
  };
  assert.equal(
    await refused("Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'a': 'b'}}}}"),
    "policy 'p' with binding 'b' denied request: error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
  );
  assert.match(
    await refused("Object{spec: Object.wrong{replicas: 1}}"),
    /type mismatch: unexpected type name "Object.wrong", expected "Object.spec", which matches field name path from root Object type$/,
  );
});

test("policies are refused with upstream's reasons", async () => {
  await using api = await TestApiServer.start();
  const answer = await api.request("POST", `${group}/validatingadmissionpolicies`, {
    metadata: { name: "p" },
    spec: {
      matchConstraints: rules(["configmaps"]),
      variables: [{ name: "in", expression: "1 +" }],
      matchConditions: [{ name: "a b", expression: "object.metadata.name" }],
      validations: [{ expression: "'text'", message: " ", messageExpression: "1", reason: "Odd" }],
      auditAnnotations: [{ key: "k", valueExpression: "1" }],
    },
  });
  assert.equal(answer.status, 422);
  for (const part of [
    'spec.matchConditions[0].expression: Invalid value: "object.metadata.name": must evaluate to bool but got dyn',
    'spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier',
    "spec.variables[0].expression: Invalid value: \"1 +\": compilation failed: ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>'",
    "spec.validations[0].expression: Invalid value: \"'text'\": must evaluate to bool but got string",
    'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int',
    'spec.validations[0].message: Invalid value: " ": must be non-empty if specified',
    'spec.validations[0].reason: Unsupported value: "Odd": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"',
    'spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int',
  ])
    assert.ok(answer.message.includes(part), `${part}\n\n${answer.message}`);
  const binding = await api.request("POST", `${group}/validatingadmissionpolicybindings`, {
    metadata: { name: "b" },
    spec: { policyName: "p", validationActions: ["Deny", "Warn"], paramRef: {} },
  });
  for (const part of [
    "spec.paramRef: Required value: one of name or selector must be specified",
    "spec.paramRef.parameterNotFoundAction: Required value",
    "must not contain both Deny and Warn",
  ])
    assert.ok(binding.message.includes(part), binding.message);
});

test("a policy that wants to sees what a later one did; one that does not is not asked again", async () => {
  for (const reinvocationPolicy of ["IfNeeded", "Never"]) {
    await using api = await TestApiServer.start();
    const add = async (name: string, policy: string, expression: string): Promise<void> => {
      const mutations = [{ patchType: "JSONPatch", jsonPatch: { expression } }];
      const spec = { matchConstraints: rules(["configmaps"]), reinvocationPolicy: policy, mutations };
      await create(api, `${group}/mutatingadmissionpolicies`, { metadata: { name }, spec });
      await create(api, `${group}/mutatingadmissionpolicybindings`, { metadata: { name }, spec: { policyName: name } });
    };
    const seen = `[JSONPatch{op: "add", path: "/data/seen", value: "b" in object.data ? "yes" : "no"}]`;
    await add("first", reinvocationPolicy, seen);
    await add("second", "Never", `[JSONPatch{op: "add", path: "/data/b", value: "1"}]`);
    const answer = await api.request("POST", configMaps, configMap("m", { own: "1" }));
    assert.equal(
      answer.json<ConfigMap>().data?.["seen"],
      reinvocationPolicy === "IfNeeded" ? "yes" : "no",
      answer.text,
    );
  }
});
