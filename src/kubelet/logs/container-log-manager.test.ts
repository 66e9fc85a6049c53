import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";

import { utf8Decode } from "../../component-base/bytes.ts";
import { KubeletHarness } from "../testing/kubelet-harness.ts";

const directory = (uid: string): string => `/var/log/pods/default_p_${uid}/main`;

test("a log that has become large is put aside; older ones are compressed, the oldest go, and the current one goes on", async () => {
  await using harness = await KubeletHarness.start({
    config: { containerLogMaxBytes: 100, containerLogMaxFiles: 3, containerLogMonitorMs: 10_000 },
  });
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Running");
  const id = pod.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "";
  const files = (): Promise<readonly string[]> => harness.fileSystem.list(directory(pod.metadata.uid));
  await harness.runtime.writeLog(id, "short");
  await harness.pass(15_000);
  assert.deepEqual(await files(), ["0.log"]);
  for (let round = 0; round < 4; round++) {
    await harness.runtime.writeLog(id, `${round} ${"x".repeat(100)}`);
    // Compression happens in other threads, which no stepped clock knows of.
    const isPutAside = async (): Promise<boolean> =>
      (await harness.fileSystem.stat(`${directory(pod.metadata.uid)}/0.log`))?.sizeBytes === 0;
    for (let turn = 0; turn < 5_000 && !(await isPutAside()); turn++) {
      await harness.pass(1_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  const names = await files();
  assert.equal(names.length, 3, names.join());
  const [current, older, newest] = names;
  assert.equal(current, "0.log");
  assert.match(older ?? "", /^0\.log\.\d{8}-\d{6}\.gz$/);
  assert.match(newest ?? "", /^0\.log\.\d{8}-\d{6}$/);
  const read = (name = ""): Promise<Uint8Array> =>
    harness.fileSystem.readFile(`${directory(pod.metadata.uid)}/${name}`);
  assert.match(utf8Decode(gunzipSync(await read(older))), /stdout F 2 x+\n$/);
  assert.match(utf8Decode(await read(newest)), /stdout F 3 x+\n$/);
  await harness.runtime.writeLog(id, "afterwards");
  assert.match(utf8Decode(await read(current)), /^\S+ stdout F afterwards\n$/);
});

test("when the runtime cannot open its log anew, the file gets its name back", async () => {
  await using harness = await KubeletHarness.start({ config: { containerLogMaxBytes: 10 } });
  await harness.createPod("p", { containers: [{ name: "main", image: "nginx:1" }] });
  const pod = await harness.untilPhase("p", "Running");
  const id = pod.status.containerStatuses?.[0]?.containerID?.slice("fake://".length) ?? "";
  harness.runtime.reopenContainerLog = () => Promise.reject(new Error("not now"));
  await harness.runtime.writeLog(id, "a line that is long enough");
  await harness.pass(15_000);
  assert.deepEqual(await harness.fileSystem.list(directory(pod.metadata.uid)), ["0.log"]);
});
