import assert from "node:assert/strict";
import { test } from "node:test";

import { type KubeletConfig, resolveConfig } from "../config.ts";
import type { HostFacts } from "../ports.ts";
import { nodeResources, podsTogether } from "./node-allocatable.ts";

const host: HostFacts = {
  cpus: 4,
  memoryBytes: 8 * 2 ** 30 + 500,
  ephemeralStorageBytes: 100 * 2 ** 30,
  machineId: "",
  systemUuid: "",
  bootId: "",
  kernelVersion: "",
  osImage: "",
  operatingSystem: "linux",
  architecture: "amd64",
};
const resources = (config: KubeletConfig) => nodeResources(host, resolveConfig(config));

test("pods get what is left after reservations and hard eviction thresholds, and never less than nothing", () => {
  const plain = resources({});
  assert.deepEqual(
    [plain.capacity["memory"], plain.allocatable["memory"], plain.allocatable["cpu"], plain.allocatable["pods"]],
    ["8Gi", "8092Mi", "4", "110"],
  );
  assert.equal(plain.allocatable["ephemeral-storage"], "96636764k");
  const reserved = resources({
    systemReserved: { cpu: "500m", memory: "1Gi", "ephemeral-storage": "10Gi" },
    kubeReserved: { cpu: "250m", memory: "512Mi" },
    evictionHard: { "memory.available": "512Mi" },
    podsPerCore: 10,
  });
  assert.deepEqual(
    ["cpu", "memory", "ephemeral-storage", "pods"].map((name) => reserved.allocatable[name]),
    ["3250m", "6Gi", "90Gi", "40"],
  );
  assert.equal(resources({ kubeReserved: { memory: "9Gi" } }).allocatable["memory"], "0");
});

test("pods together are held to capacity without reservations, but not to the eviction threshold", () => {
  const limits = (config: KubeletConfig) => podsTogether(host, resolveConfig(config));
  const kubeReserved = { cpu: "1", memory: "2Gi" };
  assert.deepEqual(limits({ kubeReserved }), { cpuShares: 3 * 1024, memoryLimitInBytes: 6 * 2 ** 30 });
  assert.deepEqual(limits({ kubeReserved, enforceNodeAllocatable: ["none"] }), { cpuShares: 3 * 1024 });
  assert.throws(
    () => limits({ kubeReserved: { memory: "9Gi" } }),
    /invalid Node Allocatable configuration\. Resource "memory" has a reservation of 9Gi but capacity of 8Gi\. Expected capacity >= reservation\./,
  );
});
