import assert from "node:assert/strict";
import { test } from "node:test";

import {
  completeConfiguration,
  type ConfigurationPatch,
  decodeConfiguration,
  kubeletConfigFrom,
  mergeConfigurations,
} from "./kubelet-configuration.ts";

const typeMeta = { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" };

test("unknown fields, wrong types and other kinds are refused, each by its path", () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [
      { ...typeMeta, maxPod: 5, logging: { colour: 1 } },
      /^strict decoding error: unknown field "maxPod", unknown field "logging\.colour"$/,
    ],
    [{ ...typeMeta, maxPods: "many" }, /^maxPods: expected an integer, got "many"$/],
    [
      { ...typeMeta, syncFrequency: "5 minutes" },
      /^syncFrequency: time: unknown unit " minutes" in duration "5 minutes"$/,
    ],
    [{ ...typeMeta, authentication: { x509: "none" } }, /^authentication\.x509: expected an object/],
    [{ ...typeMeta, kind: "KubeProxyConfiguration" }, /"KubeProxyConfiguration".* is no KubeletConfiguration/],
    ["text", /couldn't get version\/kind/],
  ];
  for (const [value, message] of cases) assert.throws(() => decodeConfiguration(value), { message });
});

test("what is not supported is refused with what is; saying the default is not asking for anything", () => {
  const refused = (patch: ConfigurationPatch, message: RegExp): void =>
    assert.throws(() => completeConfiguration(patch), { message });
  refused(
    { cpuManagerPolicy: "static", shutdownGracePeriod: "30s", memorySwap: { swapBehavior: "LimitedSwap" } },
    /^invalid configuration: cpuManagerPolicy "static" is not supported, only "none", invalid configuration: shutdownGracePeriod "30s" is not supported, only "0s", invalid configuration: memorySwap\.swapBehavior "LimitedSwap"/,
  );
  refused(
    { enforceNodeAllocatable: ["pods", "system-reserved"] },
    /"system-reserved" is not supported, only \["pods"\]/,
  );
  refused({ featureGates: { Anything: true } }, /featureGates .* is not supported/);
  // What kubeadm writes: many zeroes, each of which upstream takes for nothing.
  const complete = completeConfiguration({
    authentication: { anonymous: { enabled: false }, webhook: { cacheTTL: "0s", enabled: true } },
    authorization: { mode: "Webhook", webhook: { cacheAuthorizedTTL: "0s", cacheUnauthorizedTTL: "0s" } },
    cpuManagerReconcilePeriod: "0s",
    evictionPressureTransitionPeriod: "0s",
    crashLoopBackOff: {},
    healthzPort: 10248,
    logging: { flushFrequency: 0, options: { json: { infoBufferSize: "0" } }, verbosity: 0 },
    memorySwap: {},
    shutdownGracePeriod: "0s",
    syncFrequency: "0s",
  });
  assert.equal(complete.evictionPressureTransitionPeriod, "5m0s");
  assert.equal(complete.crashLoopBackOff.maxContainerRestartPeriod, "5m0s");
});

test("what upstream calls invalid is, with its text and all at once", () => {
  const cases: readonly (readonly [ConfigurationPatch, RegExp])[] = [
    [
      { imageGCHighThresholdPercent: 70 },
      /imageGCLowThresholdPercent \(--image-gc-low-threshold\) 80 must be less than imageGCHighThresholdPercent \(--image-gc-high-threshold\) 70/,
    ],
    [
      { maxPods: -1, podsPerCore: -2 },
      /maxPods \(--max-pods\) -1 must not be a negative number, invalid configuration: podsPerCore/,
    ],
    [{ kubeReserved: { gpu: "1" } }, /cannot reserve "gpu" resource/],
    [{ systemReserved: { memory: "-1" } }, /resource quantity for "memory" cannot be negative: -1/],
    [
      { evictionSoft: { "memory.available": "1Gi" } },
      /grace period must be specified for the soft eviction threshold memory\.available/,
    ],
    [{ evictionHard: { "cpu.available": "1" } }, /unsupported eviction signal cpu\.available/],
    [{ containerLogMaxFiles: 1 }, /containerLogMaxFiles must be greater than 1/],
    [
      { containerLogMonitorInterval: "1s" },
      /containerLogMonitorInterval must be a positive time duration greater than or equal to 3s/,
    ],
    [{ serializeImagePulls: true, maxParallelImagePulls: 3 }, /maxParallelImagePulls cannot be larger than 1/],
    [{ crashLoopBackOff: { maxContainerRestartPeriod: "10m" } }, /must be set between 1s and 300s/],
  ];
  for (const [patch, message] of cases) assert.throws(() => completeConfiguration(patch), { message });
});

test("patches lie over one another; lists are replaced, maps merged; the kubelet gets what they say together", () => {
  const merged = mergeConfigurations([
    { maxPods: 20, clusterDNS: ["10.0.0.1"], kubeReserved: { cpu: "100m", memory: "1Gi" } },
    { clusterDNS: ["10.0.0.2", "10.0.0.3"], kubeReserved: { memory: "2Gi" }, nodeStatusUpdateFrequency: "5s" },
    { maxPods: 30, containerLogMaxSize: "1Mi", crashLoopBackOff: { maxContainerRestartPeriod: "20s" } },
  ]);
  const config = kubeletConfigFrom(completeConfiguration(merged));
  assert.deepEqual(
    [config.maxPods, config.clusterDns, config.kubeReserved, config.containerLogMaxBytes],
    [30, ["10.0.0.2", "10.0.0.3"], { cpu: "100m", memory: "2Gi" }, 1 << 20],
  );
  assert.deepEqual(
    [config.nodeStatusUpdateMs, config.nodeStatusReportMs, config.maxContainerRestartPeriodMs],
    [5_000, 5_000, 20_000],
  );
  assert.equal(config.configuration?.["kind"], "KubeletConfiguration");
  assert.equal(config.configuration?.["imageGCHighThresholdPercent"], 85);
});

test("one hard threshold switches the default ones off, unless they are to be merged", () => {
  const evictionHard = { "memory.available": "1Gi" };
  assert.deepEqual(completeConfiguration({ evictionHard }).evictionHard, evictionHard);
  const merged = completeConfiguration({ evictionHard, mergeDefaultEvictionSettings: true }).evictionHard;
  assert.deepEqual([merged["memory.available"], merged["nodefs.available"]], ["1Gi", "10%"]);
});
