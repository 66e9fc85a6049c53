import assert from "node:assert/strict";
import { test } from "node:test";
import { deployments, validatingAdmissionPolicies } from "../../api/resources.gen.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { buildOpenApiV3 } from "../../apimachinery/openapi/document.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { validatingAdmissionPolicyStatusController } from "./validating-admission-policy-status-controller.ts";

test("the status of a policy tells what its expressions get wrong, once for each generation", async () => {
  await using h = await startControllers([validatingAdmissionPolicyStatusController], (_client, server) => {
    server.served = [deployments, validatingAdmissionPolicies];
    server.intercept = ({ path }) =>
      path === "/openapi/v3/apis/apps/v1"
        ? { status: 200, body: buildOpenApiV3(builtinScheme(), "apps", "v1") }
        : undefined;
    return Promise.resolve();
  });
  const policies = h.client.resource(validatingAdmissionPolicies);
  const policy = (expression: string) => ({
    metadata: { name: "p", generation: 1 },
    spec: {
      matchConstraints: {
        resourceRules: [
          { apiGroups: ["apps"], apiVersions: ["v1"], operations: ["*" as const], resources: ["deployments"] },
        ],
      },
      validations: [{ expression }],
    },
  });
  await policies.create(policy("object.spec.replicas > '1'"));
  await h.settle();
  const { status } = await policies.get("p");
  assert.equal(status?.observedGeneration, 1);
  const [warning, ...more] = status?.typeChecking?.expressionWarnings ?? [];
  assert.deepEqual(more, []);
  assert.equal(warning?.fieldRef, "spec.validations[0].expression");
  assert.match(
    warning?.warning ?? "",
    /^apps\/v1, Kind=Deployment: .*found no matching overload for '_>_' applied to '\(int, string\)'/,
  );
  assert.equal(h.takeWrites().filter((write) => write.startsWith("PATCH")).length, 1);
  await policies.update({
    ...(await policies.get("p")),
    ...policy("object.spec.replicas > 1"),
    metadata: { name: "p", generation: 2 },
  });
  await h.settle();
  assert.equal((await policies.get("p")).status?.observedGeneration, 2);
});
