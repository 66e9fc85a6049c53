import { test } from "node:test";
import { fileSystemSuite } from "./file-system-suite.ts";
import { FaultFileSystem } from "./fault-file-system.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

for (const { name, run } of fileSystemSuite) {
  test(name, async () => {
    const fileSystem = new MemoryFileSystem();
    await fileSystem.makeDirectory("/data");
    await run(fileSystem, "/data");
  });

  test(`${name}, through the fault injector without faults`, async () => {
    const fileSystem = new FaultFileSystem(new MemoryFileSystem(), () => undefined);
    await fileSystem.makeDirectory("/data");
    await run(fileSystem, "/data");
  });
}
