import { test } from "node:test";

import { fileSystemSuite } from "../../component-base/testing/file-system-suite.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

for (const { name, run } of fileSystemSuite) {
  test(`files of a simulated node: ${name}`, async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    await run(fileSystem, "/data");
  });
}
