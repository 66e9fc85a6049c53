import type { Taint } from "../../api/core/v1/types.gen.ts";
import { applyMergePatch } from "../../apimachinery/patch/merge-patch.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { parseDuration } from "../../apimachinery/time.ts";
import { errorText } from "../../component-base/logger.ts";
import { defaultEvictionHard, type KubeletConfig, nodeAllocatableEnforcement } from "../config.ts";
import { evictionThresholds } from "../eviction/thresholds.ts";
import { checkReserved } from "../nodestatus/node-allocatable.ts";
import { type Field, type FieldTable, field, fixed, mismatch, pointer, zeroes } from "./configuration-fields.ts";

/** As much of a kubelet.config.k8s.io/v1beta1 KubeletConfiguration as changes anything; the rest has one value. */
export interface KubeletConfiguration {
  readonly staticPodPath: string;
  readonly podLogsDir: string;
  readonly syncFrequency: string;
  readonly fileCheckFrequency: string;
  readonly httpCheckFrequency: string;
  readonly staticPodURL: string;
  readonly address: string;
  readonly port: number;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly rotateCertificates: boolean;
  readonly serverTLSBootstrap: boolean;
  readonly authentication: { readonly x509: { readonly clientCAFile: string } };
  readonly clusterDomain: string;
  readonly clusterDNS: readonly string[];
  readonly nodeStatusUpdateFrequency: string;
  readonly nodeStatusReportFrequency: string;
  readonly nodeLeaseDurationSeconds: number;
  readonly imageMinimumGCAge: string;
  readonly imageMaximumGCAge: string;
  readonly imageGCHighThresholdPercent: number;
  readonly imageGCLowThresholdPercent: number;
  readonly cgroupRoot: string;
  readonly maxPods: number;
  readonly podPidsLimit: number;
  readonly nodeStatusMaxImages: number;
  readonly serializeImagePulls: boolean;
  readonly maxParallelImagePulls: number;
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriod: Readonly<Record<string, string>>;
  readonly evictionPressureTransitionPeriod: string;
  readonly evictionMaxPodGracePeriod: number;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
  readonly mergeDefaultEvictionSettings: boolean;
  readonly podsPerCore: number;
  readonly failSwapOn: boolean;
  readonly containerLogMaxSize: string;
  readonly containerLogMaxFiles: number;
  readonly containerLogMonitorInterval: string;
  readonly systemReserved: Readonly<Record<string, string>>;
  readonly kubeReserved: Readonly<Record<string, string>>;
  readonly enforceNodeAllocatable: readonly string[];
  readonly allowedUnsafeSysctls: readonly string[];
  readonly providerID: string;
  readonly crashLoopBackOff: { readonly maxContainerRestartPeriod: string };
  readonly seccompDefault: boolean;
  readonly registerWithTaints: readonly Taint[];
  readonly containerRuntimeEndpoint: string;
}

/** Some fields of a KubeletConfiguration, as they are written. */
export type ConfigurationPatch = Readonly<Record<string, unknown>>;

export class KubeletConfigurationError extends Error {
  override readonly name = "KubeletConfigurationError";
}

/**
 * Every field upstream has. `fixed` ones are not supported and take their default only. Where a default differs from
 * upstream, it is because something else is done here, and the file may say so only with that value:
 * manifests and content are looked at sooner, images are pulled side by side, control groups of version 1 will do, and
 * images that are there already are not asked for credentials.
 */
const table: FieldTable & Readonly<Record<keyof KubeletConfiguration, unknown>> = {
  enableServer: fixed("bool", true),
  staticPodPath: field("string", ""),
  podLogsDir: field("string", "/var/log/pods"),
  syncFrequency: field("duration", "20s"),
  fileCheckFrequency: field("duration", "2s"),
  httpCheckFrequency: field("duration", "20s"),
  staticPodURL: field("string", ""),
  staticPodURLHeader: fixed("object", {}),
  address: field("string", "0.0.0.0"),
  port: field("int", 10_250),
  readOnlyPort: fixed("int", 0),
  tlsCertFile: field("string", ""),
  tlsPrivateKeyFile: field("string", ""),
  tlsCipherSuites: fixed("list", []),
  tlsCurvePreferences: fixed("list", []),
  tlsMinVersion: fixed("string", ""),
  rotateCertificates: field("bool", false),
  serverTLSBootstrap: field("bool", false),
  authentication: {
    x509: { clientCAFile: field("string", "") },
    webhook: { enabled: fixed("bool", true), cacheTTL: fixed("duration", "2m0s") },
    anonymous: { enabled: fixed("bool", false) },
  },
  authorization: {
    mode: fixed("string", "Webhook"),
    webhook: { cacheAuthorizedTTL: fixed("duration", "5m0s"), cacheUnauthorizedTTL: fixed("duration", "30s") },
  },
  registryPullQPS: fixed("int", 5),
  registryBurst: fixed("int", 10),
  imagePullCredentialsVerificationPolicy: fixed("string", "NeverVerify"),
  preloadedImagesVerificationAllowlist: fixed("list", []),
  eventRecordQPS: fixed("int", 50),
  eventBurst: fixed("int", 100),
  enableDebuggingHandlers: fixed("bool", true),
  enableContentionProfiling: fixed("bool", false),
  healthzPort: fixed("int", 10_248),
  healthzBindAddress: fixed("string", "127.0.0.1"),
  oomScoreAdj: fixed("int", -999),
  clusterDomain: field("string", ""),
  clusterDNS: field("list", []),
  streamingConnectionIdleTimeout: fixed("duration", "4h0m0s"),
  nodeStatusUpdateFrequency: field("duration", "10s"),
  nodeStatusReportFrequency: field("duration", "5m0s"),
  nodeLeaseDurationSeconds: field("int", 40),
  imageMinimumGCAge: field("duration", "2m0s"),
  imageMaximumGCAge: field("duration", "0s"),
  imageGCHighThresholdPercent: pointer("int", 85),
  imageGCLowThresholdPercent: pointer("int", 80),
  volumeStatsAggPeriod: fixed("duration", "1m0s"),
  kubeletCgroups: fixed("string", ""),
  systemCgroups: fixed("string", ""),
  cgroupRoot: field("string", ""),
  cgroupsPerQOS: fixed("bool", true),
  cgroupDriver: fixed("string", "cgroupfs"),
  cpuManagerPolicy: fixed("string", "none"),
  singleProcessOOMKill: fixed("bool", true),
  cpuManagerPolicyOptions: fixed("object", {}),
  cpuManagerReconcilePeriod: fixed("duration", "10s"),
  memoryManagerPolicy: fixed("string", "None"),
  topologyManagerPolicy: fixed("string", "none"),
  topologyManagerScope: fixed("string", "container"),
  topologyManagerPolicyOptions: fixed("object", {}),
  qosReserved: fixed("object", {}),
  runtimeRequestTimeout: fixed("duration", "2m0s"),
  hairpinMode: fixed("string", "promiscuous-bridge"),
  maxPods: field("int", 110),
  podCIDR: fixed("string", ""),
  podPidsLimit: pointer("int", -1),
  resolvConf: fixed("string", "/etc/resolv.conf"),
  runOnce: fixed("bool", false),
  cpuCFSQuota: fixed("bool", true),
  cpuCFSQuotaPeriod: fixed("duration", "100ms"),
  nodeStatusMaxImages: pointer("int", 50),
  maxOpenFiles: fixed("int", 1_000_000),
  contentType: fixed("string", "application/vnd.kubernetes.protobuf"),
  kubeAPIQPS: fixed("int", 50),
  kubeAPIBurst: fixed("int", 100),
  serializeImagePulls: pointer("bool", false),
  maxParallelImagePulls: pointer("int", 5),
  evictionHard: field("map", defaultEvictionHard),
  evictionSoft: field("map", {}),
  evictionSoftGracePeriod: field("map", {}),
  evictionPressureTransitionPeriod: field("duration", "5m0s"),
  evictionMaxPodGracePeriod: field("int", 0),
  evictionMinimumReclaim: field("map", {}),
  mergeDefaultEvictionSettings: pointer("bool", false),
  podsPerCore: field("int", 0),
  enableControllerAttachDetach: fixed("bool", true),
  protectKernelDefaults: fixed("bool", false),
  makeIPTablesUtilChains: fixed("bool", true),
  iptablesMasqueradeBit: fixed("int", 14),
  iptablesDropBit: fixed("int", 15),
  featureGates: fixed("object", {}),
  failSwapOn: pointer("bool", true),
  memorySwap: { swapBehavior: fixed("string", "NoSwap") },
  containerLogMaxSize: field("string", "10Mi"),
  containerLogMaxFiles: pointer("int", 5),
  containerLogMaxWorkers: fixed("int", 1),
  containerLogMonitorInterval: pointer("duration", "10s"),
  configMapAndSecretChangeDetectionStrategy: fixed("string", "Watch"),
  systemReserved: field("map", {}),
  kubeReserved: field("map", {}),
  reservedSystemCPUs: fixed("string", ""),
  showHiddenMetricsForVersion: fixed("string", ""),
  systemReservedCgroup: fixed("string", ""),
  kubeReservedCgroup: fixed("string", ""),
  enforceNodeAllocatable: pointer("list", [nodeAllocatableEnforcement]),
  allowedUnsafeSysctls: field("list", []),
  volumePluginDir: fixed("string", "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/"),
  providerID: field("string", ""),
  kernelMemcgNotification: fixed("bool", false),
  logging: {
    format: fixed("string", "text"),
    flushFrequency: fixed("duration", "5s"),
    verbosity: fixed("int", 0),
    vmodule: fixed("list", []),
    options: {
      text: { splitStream: fixed("bool", false), infoBufferSize: fixed("string", "0") },
      json: { splitStream: fixed("bool", false), infoBufferSize: fixed("string", "0") },
    },
  },
  enableSystemLogHandler: fixed("bool", true),
  enableSystemLogQuery: fixed("bool", false),
  shutdownGracePeriod: fixed("duration", "0s"),
  shutdownGracePeriodCriticalPods: fixed("duration", "0s"),
  shutdownGracePeriodByPodPriority: fixed("list", []),
  crashLoopBackOff: { maxContainerRestartPeriod: pointer("duration", "5m0s") },
  reservedMemory: fixed("list", []),
  enableProfilingHandler: fixed("bool", true),
  enableDebugFlagsHandler: fixed("bool", true),
  seccompDefault: pointer("bool", false),
  memoryThrottlingFactor: fixed("number", 0.9),
  memoryReservationPolicy: fixed("string", "None"),
  registerWithTaints: field("objects", []),
  registerNode: fixed("bool", true),
  tracing: fixed("object", {}),
  localStorageCapacityIsolation: fixed("bool", true),
  containerRuntimeEndpoint: field("string", "unix:///run/containerd/containerd.sock"),
  imageServiceEndpoint: fixed("string", ""),
  failCgroupV1: fixed("bool", false),
  userNamespaces: { idsPerPod: fixed("int", 65_536) },
};

const typeMeta = { apiVersion: "kubelet.config.k8s.io/v1beta1", kind: "KubeletConfiguration" };

/** Checks names and types of what a file holds; throws KubeletConfigurationError with all that is wrong. */
export function decodeConfiguration(value: unknown): ConfigurationPatch {
  if (!isObject(value)) throw new KubeletConfigurationError("couldn't get version/kind; json parse error");
  const { apiVersion, kind, ...patch } = value;
  if (apiVersion !== typeMeta.apiVersion || kind !== typeMeta.kind) {
    const given = `kind ${text(kind ?? "")} of ${text(apiVersion ?? "")}`;
    throw new KubeletConfigurationError(`${given} is no ${typeMeta.kind} of ${typeMeta.apiVersion}`);
  }
  const unknown: string[] = [];
  const wrong: string[] = [];
  eachGiven(table, patch, "", {
    onUnknown: (path) => unknown.push(`unknown field "${path}"`),
    onValue: (path, entry, given) => {
      const problem = mismatch(entry.kind, given);
      if (problem !== undefined) wrong.push(`${path}: ${problem}`);
    },
  });
  if (wrong.length > 0) throw new KubeletConfigurationError(wrong.join(", "));
  if (unknown.length > 0) throw new KubeletConfigurationError(`strict decoding error: ${unknown.join(", ")}`);
  return patch;
}

/** Lays patches over one another, the last one on top: maps are merged, lists and values replaced. */
export function mergeConfigurations(patches: readonly ConfigurationPatch[]): ConfigurationPatch {
  return patches.reduce((merged, patch) => applyMergePatch(merged, patch) as ConfigurationPatch, {});
}

/**
 * The whole configuration: `patch` with upstream's defaults below it. Throws KubeletConfigurationError with everything
 * that is invalid, or asked for but not supported.
 */
export function completeConfiguration(patch: ConfigurationPatch): KubeletConfiguration {
  const errors: string[] = [];
  eachGiven(table, patch, "", {
    onValue: (path, entry, given) => {
      if (entry.isFixed && !isDefault(entry, given)) {
        errors.push(`${path} ${text(given)} is not supported, only ${text(entry.default)}`);
      }
    },
  });
  const complete = withDefaults(table, derivedDefaults(patch)) as unknown as KubeletConfiguration;
  errors.push(...invalid(complete, patch));
  if (errors.length > 0) {
    throw new KubeletConfigurationError(errors.map((error) => `invalid configuration: ${error}`).join(", "));
  }
  return complete;
}

/** What the configuration says of how pods are run. */
export function kubeletConfigFrom(configuration: KubeletConfiguration): KubeletConfig {
  const c = configuration;
  const graces = Object.entries(c.evictionSoftGracePeriod).map(([name, time]) => [name, parseDuration(time)]);
  return {
    ...(c.clusterDomain === "" ? {} : { clusterDomain: c.clusterDomain }),
    clusterDns: c.clusterDNS,
    staticPodPath: c.staticPodPath,
    staticPodUrl: c.staticPodURL,
    podLogsDirectory: c.podLogsDir,
    syncPeriodMs: parseDuration(c.syncFrequency),
    fileCheckFrequencyMs: parseDuration(c.fileCheckFrequency),
    httpCheckFrequencyMs: parseDuration(c.httpCheckFrequency),
    port: c.port,
    nodeStatusUpdateMs: parseDuration(c.nodeStatusUpdateFrequency),
    nodeStatusReportMs: parseDuration(c.nodeStatusReportFrequency),
    nodeLeaseDurationSeconds: c.nodeLeaseDurationSeconds,
    imageMinimumGcAgeMs: parseDuration(c.imageMinimumGCAge),
    imageMaximumGcAgeMs: parseDuration(c.imageMaximumGCAge),
    seccompDefault: c.seccompDefault,
    imageGcHighThresholdPercent: c.imageGCHighThresholdPercent,
    imageGcLowThresholdPercent: c.imageGCLowThresholdPercent,
    maxPods: c.maxPods,
    podsPerCore: c.podsPerCore,
    podPidsLimit: c.podPidsLimit,
    nodeStatusMaxImages: c.nodeStatusMaxImages,
    parallelImagePulls: c.serializeImagePulls ? 1 : c.maxParallelImagePulls,
    evictionHard: c.evictionHard,
    evictionSoft: c.evictionSoft,
    evictionSoftGracePeriodMs: Object.fromEntries(graces) as Readonly<Record<string, number>>,
    evictionPressureTransitionMs: parseDuration(c.evictionPressureTransitionPeriod),
    evictionMaxPodGracePeriodSeconds: c.evictionMaxPodGracePeriod,
    evictionMinimumReclaim: c.evictionMinimumReclaim,
    containerLogMaxBytes: Quantity.parse(c.containerLogMaxSize).toNumber(),
    containerLogMaxFiles: c.containerLogMaxFiles,
    containerLogMonitorMs: parseDuration(c.containerLogMonitorInterval),
    systemReserved: c.systemReserved,
    kubeReserved: c.kubeReserved,
    enforceNodeAllocatable: c.enforceNodeAllocatable,
    allowedUnsafeSysctls: c.allowedUnsafeSysctls,
    providerId: c.providerID,
    maxContainerRestartPeriodMs: parseDuration(c.crashLoopBackOff.maxContainerRestartPeriod),
    registerWithTaints: c.registerWithTaints,
    configuration: { ...typeMeta, ...c },
  };
}

/** Defaults that depend on what is given. */
function derivedDefaults(patch: ConfigurationPatch): ConfigurationPatch {
  const { nodeStatusUpdateFrequency: update, nodeStatusReportFrequency: report } = patch;
  const { evictionHard: hard, mergeDefaultEvictionSettings: isMerged } = patch;
  const isGiven = (value: unknown): value is string => typeof value === "string" && parseDuration(value) !== 0;
  return {
    ...patch,
    // A file that says how often the status is looked at means how often it is told.
    ...(isGiven(update) && !isGiven(report) ? { nodeStatusReportFrequency: update } : {}),
    // As upstream: whoever sets one threshold sets all of them, unless asked to keep the others.
    ...(isObject(hard) && Object.keys(hard).length > 0 && isMerged === true
      ? { evictionHard: { ...defaultEvictionHard, ...hard } }
      : {}),
  };
}

/** What upstream finds wrong with a configuration, of the fields that are supported. */
function invalid(c: KubeletConfiguration, patch: ConfigurationPatch): readonly string[] {
  const errors: string[] = [];
  const require = (isRight: boolean, problem: string): void => {
    if (!isRight) errors.push(problem);
  };
  const attempt = (check: () => unknown): void => {
    try {
      check();
    } catch (error) {
      errors.push(errorText(error));
    }
  };
  const isPercent = (value: number): boolean => value >= 0 && value <= 100;
  const [high, low] = [c.imageGCHighThresholdPercent, c.imageGCLowThresholdPercent];
  const restartMs = parseDuration(c.crashLoopBackOff.maxContainerRestartPeriod);
  require(c.nodeLeaseDurationSeconds > 0, "nodeLeaseDurationSeconds must be greater than 0");
  require(isPercent(
    high,
  ), `imageGCHighThresholdPercent (--image-gc-high-threshold) ${high} must be between 0 and 100, inclusive`);
  require(isPercent(
    low,
  ), `imageGCLowThresholdPercent (--image-gc-low-threshold) ${low} must be between 0 and 100, inclusive`);
  require(low <
    high, `imageGCLowThresholdPercent (--image-gc-low-threshold) ${low} must be less than imageGCHighThresholdPercent (--image-gc-high-threshold) ${high}`);
  require(parseDuration(c.imageMinimumGCAge) >= 0, `imageMinimumGCAge ${c.imageMinimumGCAge} must not be negative`);
  const maxAgeMs = parseDuration(c.imageMaximumGCAge);
  require(maxAgeMs >= 0, `imageMaximumGCAge ${c.imageMaximumGCAge} must not be negative`);
  require(maxAgeMs <= 0 ||
    maxAgeMs >
      parseDuration(
        c.imageMinimumGCAge,
      ), `imageMaximumGCAge ${c.imageMaximumGCAge} must be greater than imageMinimumGCAge ${c.imageMinimumGCAge}`);
  require(c.maxPods >= 0, `maxPods (--max-pods) ${c.maxPods} must not be a negative number`);
  require(c.podsPerCore >= 0, `podsPerCore (--pods-per-core) ${c.podsPerCore} must not be a negative number`);
  require(c.nodeStatusMaxImages >=
    -1, `nodeStatusMaxImages (--node-status-max-images) ${c.nodeStatusMaxImages} must be -1 or greater`);
  require(c.port > 0 && c.port < 65_536, `port (--port) ${c.port} must be between 1 and 65535, inclusive`);
  require(c.maxParallelImagePulls >= 1, `maxParallelImagePulls ${c.maxParallelImagePulls} must be a positive number`);
  require(!c.serializeImagePulls ||
    patch["maxParallelImagePulls"] === undefined ||
    c.maxParallelImagePulls ===
      1, "maxParallelImagePulls cannot be larger than 1 unless SerializeImagePulls (--serialize-image-pulls) is set to false");
  require(restartMs >= 1_000 &&
    restartMs <=
      300_000, `CrashLoopBackOff.MaxContainerRestartPeriod (got: ${restartMs / 1000} seconds) must be set between 1s and 300s`);
  require(parseDuration(c.containerLogMonitorInterval) >=
    3_000, "containerLogMonitorInterval must be a positive time duration greater than or equal to 3s");
  require(c.containerLogMaxFiles > 1, "containerLogMaxFiles must be greater than 1");
  attempt(() => Quantity.parse(c.containerLogMaxSize));
  require(c.podLogsDir.startsWith("/"), `pod logs path "${c.podLogsDir}" must be absolute path`);
  for (const word of c.enforceNodeAllocatable) {
    require(word === nodeAllocatableEnforcement ||
      (word === "none" &&
        c.enforceNodeAllocatable.length ===
          1), `enforceNodeAllocatable (--enforce-node-allocatable) "${word}" is not supported, only ["${nodeAllocatableEnforcement}"] or ["none"]`);
  }
  attempt(() => checkReserved(c.systemReserved));
  attempt(() => checkReserved(c.kubeReserved));
  attempt(() => {
    const graces = Object.entries(c.evictionSoftGracePeriod).map(([name, time]) => [name, parseDuration(time)]);
    evictionThresholds({ ...c, evictionSoftGracePeriodMs: Object.fromEntries(graces) as Record<string, number> });
  });
  return errors;
}

interface Visitor {
  readonly onValue: (path: string, entry: Field, given: unknown) => void;
  readonly onUnknown?: (path: string) => void;
}

/** Visits what a patch gives, at the table's leaves. A null is what it is in JSON: nothing given. */
function eachGiven(entries: FieldTable, patch: ConfigurationPatch, at: string, visitor: Visitor): void {
  for (const [name, given] of Object.entries(patch)) {
    const path = at === "" ? name : `${at}.${name}`;
    const entry = Object.hasOwn(entries, name) ? entries[name] : undefined;
    if (entry === undefined) visitor.onUnknown?.(path);
    else if (given === null || given === undefined) continue;
    else if (isField(entry)) visitor.onValue(path, entry, given);
    else if (isObject(given)) eachGiven(entry, given, path, visitor);
    else visitor.onValue(path, field("object", {}), given);
  }
}

function withDefaults(entries: FieldTable, patch: ConfigurationPatch): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => {
      const given = patch[name] ?? undefined;
      if (!isField(entry)) return [name, withDefaults(entry, isObject(given) ? given : {})];
      return [name, given === undefined || isAbsent(entry, given) ? entry.default : given];
    }),
  );
}

/** As upstream: a zero where zero means nothing is the same as nothing. */
function isAbsent({ kind, keepsZero }: Field, given: unknown): boolean {
  return !keepsZero && zeroes[kind](given);
}

function isDefault(entry: Field, given: unknown): boolean {
  const same =
    entry.kind === "duration" ? parseDuration(String(given)) === parseDuration(String(entry.default)) : false;
  return same || zeroes[entry.kind](given) || JSON.stringify(given) === JSON.stringify(entry.default);
}

function isField(entry: Field | FieldTable): entry is Field {
  return typeof entry["kind"] === "string";
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return JSON.stringify(value);
}
