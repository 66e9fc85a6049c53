import assert from "node:assert/strict";
import { test } from "node:test";

import { KubeletHarness } from "./testing/kubelet-harness.ts";

test("an image nobody has used for long goes though there is room, once the kubelet has run for that long", async () => {
  await using harness = await KubeletHarness.start({ config: { imageMaximumGcAgeMs: 3_600_000 } });
  await harness.createPod("p", { containers: [{ name: "c", image: "nginx:1" }] });
  await harness.untilPhase("p", "Running");
  await harness.runtime.images.pullImage({ image: "unused:1" });
  const names = async (): Promise<readonly string[]> =>
    (await harness.runtime.images.listImages()).flatMap((image) => image.repoTags).sort();
  const all = await names();
  await harness.pass(3_500_000);
  assert.deepEqual(await names(), all);
  await harness.pass(500_000);
  assert.deepEqual(all.filter((name) => name.includes("unused")).length, 1);
  assert.deepEqual(
    await names(),
    all.filter((name) => !name.includes("unused")),
  );
});
