import assert from "node:assert/strict";
import { test } from "node:test";
import { persistentVolumeClaims, persistentVolumes, volumeAttributesClasses } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { attributesClassProtectionController } from "./volume-protection-controllers.ts";

test("a class of volume attributes stays, deleted, until no claim and no volume is of it", async () => {
  await using h = await startControllers([attributesClassProtectionController]);
  const classes = h.client.resource(volumeAttributesClasses);
  const claims = h.client.resource(persistentVolumeClaims, "a");
  const volumes = h.client.resource(persistentVolumes);
  for (const name of ["used", "free"])
    await classes.create({ metadata: { name }, driverName: "csi.example.com", parameters: { iops: "1" } });
  const accessModes = ["ReadWriteOnce" as const];
  await claims.create({
    metadata: { name: "c" },
    spec: { accessModes, volumeAttributesClassName: "used", resources: { requests: { storage: "1Gi" } } },
  });
  await volumes.create({
    metadata: { name: "v" },
    spec: {
      accessModes,
      capacity: { storage: "1Gi" },
      volumeAttributesClassName: "used",
      csi: { driver: "csi.example.com", volumeHandle: "v" },
    },
  });
  await h.settle();
  assert.deepEqual((await classes.get("used")).metadata.finalizers, ["kubernetes.io/vac-protection"]);
  for (const name of ["used", "free"]) await classes.delete(name);
  await h.settle();
  const left = async (): Promise<readonly string[]> =>
    (await classes.list()).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(await left(), ["used"]);
  await claims.delete("c");
  await h.settle();
  assert.deepEqual(await left(), ["used"]);
  await volumes.delete("v");
  await h.settle();
  assert.deepEqual(await left(), []);
});
