import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { HostpathDriver } from "../../csi/hostpath/hostpath-driver.ts";
import { driverCases } from "../../csi/testing/driver-suite.ts";
import { FakePorts } from "../../kubelet/testing/fake-ports.ts";
import { csiClient, serveCsi } from "./csi-protocol.ts";

function makeDriver(): HostpathDriver {
  const { fileSystem, mounter } = new FakePorts({ nodeName: "n", clock: new SteppingClock() });
  return new HostpathDriver({
    nodeId: "n",
    directory: "/volumes",
    capacityBytes: 1 << 30,
    maxVolumeBytes: 1 << 30,
    maxVolumes: 0,
    isAttachable: true,
    fileSystem,
    mounter,
    usage: async () => [{ unit: "BYTES", total: 0, used: 0, available: 0 }],
  });
}

const paths = { stagingPath: "/stage/globalmount", targetPath: "/target/mount" };

for (const { name, run } of driverCases) {
  test(`hostpath driver: ${name}`, () => run({ driver: makeDriver(), ...paths }));

  test(`hostpath driver over gRPC: ${name}`, async () => {
    const directory = await mkdtemp(path.join(tmpdir(), "k8ts-csi-"));
    try {
      const socket = path.join(directory, "csi.sock");
      await using _server = await serveCsi(socket, makeDriver());
      await using driver = csiClient(socket);
      await run({ driver, ...paths });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
}
