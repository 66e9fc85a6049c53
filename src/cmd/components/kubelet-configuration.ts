import { readdir, readFile } from "node:fs/promises";
import * as path from "node:path";

import type { Taint } from "../../api/core/v1/types.gen.ts";
import { formatDuration } from "../../apimachinery/time.ts";
import { parseYaml } from "../../apimachinery/yaml/parse.ts";
import {
  completeConfiguration,
  type ConfigurationPatch,
  decodeConfiguration,
  type KubeletConfiguration,
  KubeletConfigurationError,
  mergeConfigurations,
} from "../../kubelet/config/kubelet-configuration.ts";
import { nodeLabelsProblem } from "../../kubelet/config/node-labels.ts";
import { errorText } from "../../component-base/logger.ts";
import { UsageError } from "../arguments.ts";
import type { FlagsOf } from "../flags.ts";

/** The kubelet's flags that say how pods are run, apart from where everything is: `up`, `server` and `agent` take them too. */
export const kubeletConfigFlags = {
  config: "string",
  "config-dir": "string",
  "node-labels": "map",
  "allowed-unsafe-sysctls": "list",
  "cluster-dns": "list",
  "cluster-domain": "string",
  "container-log-max-files": "int",
  "container-log-max-size": "string",
  "enforce-node-allocatable": "list",
  "eviction-hard": "thresholds",
  "eviction-max-pod-grace-period": "int",
  "eviction-minimum-reclaim": "map",
  "eviction-pressure-transition-period": "duration",
  "eviction-soft": "thresholds",
  "eviction-soft-grace-period": "map",
  "fail-swap-on": "bool",
  "image-gc-high-threshold": "int",
  "image-gc-low-threshold": "int",
  "kube-reserved": "map",
  "max-pods": "int",
  "minimum-image-ttl-duration": "duration",
  "node-status-max-images": "int",
  "node-status-update-frequency": "duration",
  "pod-max-pids": "int",
  "pods-per-core": "int",
  "provider-id": "string",
  "register-with-taints": "list",
  "serialize-image-pulls": "bool",
  "sync-frequency": "duration",
  "system-reserved": "map",
} as const;

/** Throws UsageError for labels that the API server would not let a kubelet give its Node. */
export function checkNodeLabels(labels: Readonly<Record<string, string>> = {}): void {
  const problem = nodeLabelsProblem(labels);
  if (problem !== undefined) throw new UsageError(problem);
}

/** Those that say where everything is, which a cluster of `up`, `server` or `agent` settles itself. */
export const kubeletPlaceFlags = {
  address: "string",
  "cgroup-root": "string",
  "client-ca-file": "string",
  "container-runtime-endpoint": "string",
  "pod-manifest-path": "string",
  port: "int",
  "rotate-certificates": "bool",
  "rotate-server-certificates": "bool",
  "tls-cert-file": "string",
  "tls-private-key-file": "string",
} as const;

type Flags = FlagsOf<typeof kubeletConfigFlags & typeof kubeletPlaceFlags>;

/** The field each flag sets; the flags that are none are what remains. */
const fieldsByFlag: Readonly<Partial<Record<keyof Flags, string>>> = {
  address: "address",
  "allowed-unsafe-sysctls": "allowedUnsafeSysctls",
  "cgroup-root": "cgroupRoot",
  "client-ca-file": "authentication.x509.clientCAFile",
  "cluster-dns": "clusterDNS",
  "cluster-domain": "clusterDomain",
  "container-log-max-files": "containerLogMaxFiles",
  "container-log-max-size": "containerLogMaxSize",
  "container-runtime-endpoint": "containerRuntimeEndpoint",
  "enforce-node-allocatable": "enforceNodeAllocatable",
  "eviction-hard": "evictionHard",
  "eviction-max-pod-grace-period": "evictionMaxPodGracePeriod",
  "eviction-minimum-reclaim": "evictionMinimumReclaim",
  "eviction-pressure-transition-period": "evictionPressureTransitionPeriod",
  "eviction-soft": "evictionSoft",
  "eviction-soft-grace-period": "evictionSoftGracePeriod",
  "fail-swap-on": "failSwapOn",
  "image-gc-high-threshold": "imageGCHighThresholdPercent",
  "image-gc-low-threshold": "imageGCLowThresholdPercent",
  "kube-reserved": "kubeReserved",
  "max-pods": "maxPods",
  "minimum-image-ttl-duration": "imageMinimumGCAge",
  "node-status-max-images": "nodeStatusMaxImages",
  "node-status-update-frequency": "nodeStatusUpdateFrequency",
  "pod-manifest-path": "staticPodPath",
  "pod-max-pids": "podPidsLimit",
  "pods-per-core": "podsPerCore",
  port: "port",
  "provider-id": "providerID",
  "register-with-taints": "registerWithTaints",
  "rotate-certificates": "rotateCertificates",
  "rotate-server-certificates": "serverTLSBootstrap",
  "serialize-image-pulls": "serializeImagePulls",
  "sync-frequency": "syncFrequency",
  "system-reserved": "systemReserved",
  "tls-cert-file": "tlsCertFile",
  "tls-private-key-file": "tlsPrivateKeyFile",
};
const durations: readonly string[] = [
  "eviction-pressure-transition-period",
  "minimum-image-ttl-duration",
  "node-status-update-frequency",
  "sync-frequency",
];
const dropInSuffix = ".conf";

/** The configuration of a kubelet on its own: file, drop-ins in the order of their names, flags; the last one counts. */
export async function readKubeletConfiguration(flags: Flags): Promise<KubeletConfiguration> {
  return complete([...(await readFiles(flags)), patchOf(flags)]);
}

/**
 * The configuration of a kubelet of `up`, `server` or `agent`: `own` is what the cluster says where nobody else does, and
 * where everything is. Throws UsageError when files say the latter.
 */
export async function readClusterKubeletConfiguration(
  flags: FlagsOf<typeof kubeletConfigFlags>,
  own: ConfigurationPatch = {},
): Promise<KubeletConfiguration> {
  const files = await readFiles(flags);
  const places = Object.keys(kubeletPlaceFlags).map((flag) => fieldsByFlag[flag as keyof Flags] ?? "");
  for (const field of [...places, "podLogsDir"]) {
    if (files.some((patch) => valueAt(patch, field) !== undefined)) {
      throw new UsageError(`${field} of the kubelet's configuration is settled by the cluster and cannot be given`);
    }
  }
  return complete([own, ...files, patchOf(flags)]);
}

/** `key=value:effect` or `key:effect`. */
export function parseTaint(text: string): Taint {
  const [, key, value, effect] = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
  if (key === undefined || effect === undefined) throw new UsageError(`invalid taint spec: ${text}`);
  return { key, effect: effect as Taint["effect"], ...(value === undefined ? {} : { value }) };
}

function complete(patches: readonly ConfigurationPatch[]): KubeletConfiguration {
  try {
    return completeConfiguration(mergeConfigurations(patches));
  } catch (error) {
    if (!(error instanceof KubeletConfigurationError)) throw error;
    throw new UsageError(`failed to validate kubelet configuration, error: ${error.message}`);
  }
}

async function readFiles(flags: Pick<Flags, "config" | "config-dir">): Promise<readonly ConfigurationPatch[]> {
  const { config, "config-dir": directory } = flags;
  const names = directory === undefined ? [] : await readdir(directory);
  const dropIns = names.filter((name) => name.endsWith(dropInSuffix)).sort();
  const files = [...(config === undefined ? [] : [config]), ...dropIns.map((name) => path.join(directory ?? "", name))];
  return Promise.all(files.map((file) => readPatch(file)));
}

async function readPatch(file: string): Promise<ConfigurationPatch> {
  try {
    const { value, duplicatesMessage } = parseYaml(await readFile(file));
    if (duplicatesMessage !== undefined) throw new Error(`strict decoding error: ${duplicatesMessage}`);
    return decodeConfiguration(value);
  } catch (error) {
    throw new UsageError(`failed to load kubelet config file, path: ${file}, error: ${errorText(error)}`);
  }
}

/** What the flags say, as a file would. */
function patchOf(flags: Flags): ConfigurationPatch {
  const patches = Object.entries(flags).flatMap(([flag, value]) => {
    const field = fieldsByFlag[flag as keyof Flags];
    return field === undefined ? [] : [nested(field.split("."), fieldValue(flag, value))];
  });
  return mergeConfigurations(patches);
}

function fieldValue(flag: string, value: unknown): unknown {
  if (flag === "register-with-taints") return (value as readonly string[]).map(parseTaint);
  return durations.includes(flag) ? formatDuration(value as number) : value;
}

function nested([name = "", ...rest]: readonly string[], value: unknown): ConfigurationPatch {
  return { [name]: rest.length === 0 ? value : nested(rest, value) };
}

function valueAt(patch: ConfigurationPatch, field: string): unknown {
  return field.split(".").reduce<unknown>((value, name) => (value as ConfigurationPatch | undefined)?.[name], patch);
}
