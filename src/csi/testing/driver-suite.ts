import { assert } from "../../component-base/assert.ts";
import { CsiError, type CsiErrorCode } from "../v1/csi-error.ts";
import type { CsiDriver } from "../v1/services.ts";
import type { VolumeCapability } from "../v1/types.ts";

/** What the suite is run in: a driver without volumes, and two paths in an existing directory where nothing is. */
export interface DriverSuiteWorld {
  readonly driver: CsiDriver;
  readonly stagingPath: string;
  readonly targetPath: string;
}

const capability: VolumeCapability = {
  mount: { fsType: "", mountFlags: [], volumeMountGroup: "" },
  accessMode: { mode: "SINGLE_NODE_WRITER" },
};
const mebibyte = 1 << 20;
const empty = { volumeContext: {}, publishContext: {} };

/** The contract of a storage driver as cases; what implements or carries it passes them. */
export const driverCases: readonly {
  readonly name: string;
  readonly run: (this: void, world: DriverSuiteWorld) => Promise<void>;
}[] = [
  {
    name: "a volume's whole life, each step twice",
    run: async ({ driver, stagingPath, targetPath }) => {
      const { nodeId } = await driver.nodeGetInfo();
      const volumeId = (await twice(() => create(driver, "one", mebibyte))).volume.volumeId;
      await twice(() =>
        driver.controllerPublishVolume({
          volumeId,
          nodeId,
          volumeCapability: capability,
          readonly: false,
          volumeContext: {},
        }),
      );
      const stage = { volumeId, stagingTargetPath: stagingPath };
      await twice(() => driver.nodeStageVolume({ ...stage, ...empty, volumeCapability: capability }));
      const publish = { ...stage, ...empty, targetPath, volumeCapability: capability, readonly: false };
      await twice(() => driver.nodePublishVolume(publish));
      const expand = { volumeId, capacityRange: { requiredBytes: 2 * mebibyte, limitBytes: 0 } };
      const { capacityBytes } = await twice(() => driver.controllerExpandVolume(expand));
      assert(capacityBytes === 2 * mebibyte, `expanded to ${capacityBytes}`);
      await twice(() => driver.nodeExpandVolume({ ...expand, volumePath: targetPath, stagingTargetPath: stagingPath }));
      const { usage } = await driver.nodeGetVolumeStats({ volumeId, volumePath: targetPath });
      assert(usage.find(({ unit }) => unit === "BYTES")?.total === 2 * mebibyte, "the size is not told");
      await twice(() => driver.nodeUnpublishVolume({ volumeId, targetPath }));
      await twice(() => driver.nodeUnstageVolume(stage));
      await twice(() => driver.controllerUnpublishVolume({ volumeId, nodeId }));
      await twice(() => driver.deleteVolume({ volumeId }));
    },
  },
  {
    name: "a name is one volume; another size under it is alreadyExists",
    run: async ({ driver }) => {
      const first = await create(driver, "two", mebibyte);
      await rejects("alreadyExists", () => create(driver, "two", 2 * mebibyte));
      await driver.deleteVolume({ volumeId: first.volume.volumeId });
    },
  },
  {
    name: "what cannot be is told by its code",
    run: async ({ driver, stagingPath, targetPath }) => {
      await rejects("invalidArgument", () => create(driver, "", mebibyte));
      await rejects("outOfRange", () => create(driver, "huge", 2 ** 52));
      await rejects("notFound", () =>
        driver.nodeStageVolume({
          ...empty,
          volumeId: "unknown",
          stagingTargetPath: stagingPath,
          volumeCapability: capability,
        }),
      );
      await rejects("notFound", () => driver.nodeGetVolumeStats({ volumeId: "unknown", volumePath: targetPath }));
      await driver.deleteVolume({ volumeId: "unknown" });
      await driver.nodeUnpublishVolume({ volumeId: "unknown", targetPath });
    },
  },
  {
    name: "capacity goes down by what volumes were promised",
    run: async ({ driver }) => {
      const request = { volumeCapabilities: [], parameters: {} };
      const { availableCapacity: before } = await driver.getCapacity(request);
      const { volume } = await create(driver, "three", mebibyte);
      const { availableCapacity: after } = await driver.getCapacity(request);
      assert(before - after === mebibyte, `${before} became ${after}`);
      await driver.deleteVolume({ volumeId: volume.volumeId });
    },
  },
  {
    name: "an ephemeral volume lives from publish to unpublish",
    run: async ({ driver, targetPath }) => {
      const volumeContext = { "csi.storage.k8s.io/ephemeral": "true" };
      const request = { publishContext: {}, volumeContext, targetPath, volumeCapability: capability, readonly: false };
      await twice(() => driver.nodePublishVolume({ ...request, volumeId: "csi-inline" }));
      await driver.nodeGetVolumeStats({ volumeId: "csi-inline", volumePath: targetPath });
      await twice(() => driver.nodeUnpublishVolume({ volumeId: "csi-inline", targetPath }));
      await rejects("notFound", () => driver.nodeGetVolumeStats({ volumeId: "csi-inline", volumePath: targetPath }));
    },
  },
];

function create(driver: CsiDriver, name: string, requiredBytes: number): ReturnType<CsiDriver["createVolume"]> {
  const capacityRange = { requiredBytes, limitBytes: 0 };
  return driver.createVolume({ name, capacityRange, volumeCapabilities: [capability], parameters: {} });
}

async function twice<T>(call: () => Promise<T>): Promise<T> {
  await call();
  return call();
}

async function rejects(code: CsiErrorCode, call: () => Promise<unknown>): Promise<void> {
  const error = await call().then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert(error instanceof CsiError && error.code === code, `expected ${code}, got ${String(error)}`);
}
