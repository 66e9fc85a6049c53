import assert from "node:assert/strict";
import { test } from "node:test";

import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { MemoryFileSystem } from "../../component-base/testing/memory-file-system.ts";
import { CsiError } from "../v1/csi-error.ts";
import type { VolumeCapability } from "../v1/types.ts";
import { HostpathDriver } from "./hostpath-driver.ts";

const accessMode = { mode: "SINGLE_NODE_WRITER" } as const;
const block: VolumeCapability = { block: {}, accessMode };
const empty = { publishContext: {}, volumeContext: {} };

test("a block volume is one device to all pods, from the first publish until it is unstaged, and grows with its file", async () => {
  const fileSystem = new MemoryFileSystem({ clock: new SteppingClock() });
  const mounted = new Map<string, string>();
  const attached = new Set<string>();
  const driver = new HostpathDriver({
    nodeId: "n",
    directory: "/volumes",
    capacityBytes: 1 << 20,
    maxVolumeBytes: 1 << 20,
    maxVolumes: 0,
    isAttachable: false,
    fileSystem,
    mounter: {
      bind: async (source, target) => void mounted.set(target, source),
      unmount: async (path) => void mounted.delete(path),
      isMounted: async (path) => mounted.has(path),
    },
    loops: {
      attach: async (file) => {
        attached.add(file);
        return `/dev/loop-of${file}`;
      },
      refresh: async () => {},
      detach: async (file) => void attached.delete(file),
    },
    usage: async () => [],
  });
  const file = "/volumes/raw/data";
  const capacityRange = { requiredBytes: 4096 };
  const volumeId = "raw";
  await driver.createVolume({ name: volumeId, volumeCapabilities: [block], parameters: {}, capacityRange });
  assert.equal((await fileSystem.stat(file))?.sizeBytes, 4096);
  const stagingTargetPath = "/stage";
  await driver.nodeStageVolume({ ...empty, volumeId, stagingTargetPath, volumeCapability: block });
  await fileSystem.makeDirectory("/pods");
  const publish = { ...empty, volumeId, stagingTargetPath, volumeCapability: block, readonly: false };
  for (const targetPath of ["/pods/a", "/pods/b"]) await driver.nodePublishVolume({ ...publish, targetPath });
  assert.deepEqual([...mounted.values()], [`/dev/loop-of${file}`, `/dev/loop-of${file}`]);
  await driver.nodeUnpublishVolume({ volumeId, targetPath: "/pods/a" });
  assert.deepEqual([...attached], [file]);
  await driver.controllerExpandVolume({ volumeId, capacityRange: { requiredBytes: 8192 } });
  assert.equal((await fileSystem.stat(file))?.sizeBytes, 8192);
  await driver.nodeUnpublishVolume({ volumeId, targetPath: "/pods/b" });
  await driver.nodeUnstageVolume({ volumeId, stagingTargetPath });
  assert.deepEqual([...attached], []);
  const files: VolumeCapability = { mount: {}, accessMode };
  await assert.rejects(
    driver.nodeStageVolume({ ...empty, volumeId, stagingTargetPath, volumeCapability: files }),
    (error) => error instanceof CsiError && error.code === "invalidArgument",
  );
});
