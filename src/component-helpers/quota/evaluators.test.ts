import assert from "node:assert/strict";
import { test } from "node:test";
import { quotaEvaluator, resourceOfQuotaName } from "./evaluators.ts";
import { resourceListToJson } from "./resource-list.ts";

test("claims of devices count by their number, and by the devices of each class they may be given", () => {
  const evaluator = quotaEvaluator("resource.k8s.io", "resourceclaims");
  const of = (deviceClassName: string, count?: number): object => ({
    deviceClassName,
    ...(count === undefined ? { allocationMode: "All" } : { allocationMode: "ExactCount", count }),
  });
  const claim = {
    spec: {
      devices: {
        requests: [
          { name: "a", exactly: of("gold", 2) },
          { name: "b", firstAvailable: [of("gold", 1), of("gold", 3), of("silver", 1)] },
          { name: "c", exactly: of("iron") },
        ],
      },
    },
  };
  const usage = resourceListToJson(evaluator.usage(claim, 0));
  assert.deepEqual(usage, {
    "count/resourceclaims.resource.k8s.io": "1",
    "gold.deviceclass.resource.k8s.io/devices": "5",
    "silver.deviceclass.resource.k8s.io/devices": "1",
    "iron.deviceclass.resource.k8s.io/devices": "32",
  });
  for (const name of Object.keys(usage)) {
    assert.ok(evaluator.concerns(name), name);
    assert.deepEqual(resourceOfQuotaName(name), { group: "resource.k8s.io", resource: "resourceclaims" });
  }
});
