import assert from "node:assert/strict";
import { test } from "node:test";
import { pods, resourceQuotas } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { resourceQuotaController } from "./resource-quota-controller.ts";

const container = { name: "c", image: "i", resources: { requests: { cpu: "500m" } } };
const hard = { pods: "10", "requests.cpu": "4" };

test("usage is counted, released when pods end or go, and only lowered once admission is quiet", async () => {
  await using h = await startControllers([resourceQuotaController], async (client) => {
    await client.resource(resourceQuotas, "a").create({ metadata: { name: "q" }, spec: { hard } });
    for (const name of ["p", "q"]) {
      await client.resource(pods, "a").create({ metadata: { name }, spec: { containers: [container] } });
    }
  });
  const quotas = h.client.resource(resourceQuotas, "a");
  const status = async (): Promise<unknown> => (await quotas.get("q")).status;
  await h.settle();
  assert.deepEqual(await status(), { hard, used: { pods: "2", "requests.cpu": "1" } });

  // Admission charges a third pod, which is not stored yet.
  const current = await quotas.get("q");
  await h.pass(5000);
  h.takeWrites();
  await quotas.updateStatus({ ...current, status: { hard, used: { pods: "3", "requests.cpu": "1500m" } } });
  h.takeWrites();
  await h.client.resource(pods, "a").delete("p", { gracePeriodSeconds: 0 });
  await h.pass(500);
  assert.deepEqual(await status(), { hard, used: { pods: "3", "requests.cpu": "1500m" } });
  // It never comes.
  await h.pass(1000);
  assert.deepEqual(await status(), { hard, used: { pods: "1", "requests.cpu": "500m" } });
  await h.pass(5000);
  h.takeWrites();
  await h.pass(600_000);
  assert.deepEqual(h.takeWrites(), []);
});
