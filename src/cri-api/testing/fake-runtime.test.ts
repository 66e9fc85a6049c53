import assert from "node:assert/strict";
import { test } from "node:test";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { FakeRuntime } from "./fake-runtime.ts";
import { scriptFromCommand } from "./fake-container-script.ts";
import { runtimeCases } from "./runtime-suite.ts";
import type { ContainerConfig } from "../runtime/v1/types.ts";

for (const runtimeCase of runtimeCases) {
  test(`fake runtime: ${runtimeCase.name}`, async () => {
    const clock = new SteppingClock();
    const runtime = new FakeRuntime({ clock });
    runtime.images.add("busybox:1.36");
    let counter = 0;
    await runtimeCase.run({
      runtime,
      images: runtime.images,
      events: runtime,
      image: "busybox:1.36",
      logDirectory: "/logs",
      makeDirectory: async () => {},
      pass: async (ms) => clock.step(ms),
      unique: () => `u${counter++}`,
    });
  });
}

test("a command line suggests a script", () => {
  const config = (command: string[], image = "nginx:1"): ContainerConfig =>
    ({ command, args: [], image: { image }, stdin: false }) as unknown as ContainerConfig;
  assert.deepEqual(scriptFromCommand(config(["sh", "-c", "echo hi; sleep 2; exit 3"]), {}), {
    output: ["hi"],
    exitAfterMs: 2000,
    exitCode: 3,
  });
  assert.deepEqual(scriptFromCommand(config([]), {}), {});
  assert.deepEqual(scriptFromCommand(config([], "busybox:1.25"), {}), { exitAfterMs: 0, exitCode: 0 });
  assert.deepEqual(scriptFromCommand(config(["/server", "--port", "80"]), {}), { output: [] });
});
