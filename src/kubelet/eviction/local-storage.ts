import type { Pod } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { aggregatePod, type AmountArithmetic } from "../../component-helpers/resource/pod-requests.ts";
import { allContainers } from "../api/pods.ts";
import { wholeValue } from "../api/quantities.ts";
import type { PodStats } from "../stats/summary.ts";

/** Whether the pod has a limit of its own on the node's disk, so that somebody has to look. */
export function hasLocalStorageLimit(pod: Pod): boolean {
  const isLimited = (volume: NonNullable<Pod["spec"]["volumes"]>[number]): boolean =>
    volume.emptyDir?.sizeLimit !== undefined && volume.emptyDir.medium !== "Memory";
  const limits = allContainers(pod).some((c) => c.resources?.limits?.["ephemeral-storage"] !== undefined);
  return limits || (pod.spec.volumes ?? []).some(isLimited);
}

/** Why a pod must go: upstream's text, and upstream's name of the limit it went beyond. */
export interface LocalStorageViolation {
  readonly message: string;
  readonly limit: "emptydirfs.limit" | "ephemeralpodfs.limit" | "ephemeralcontainerfs.limit";
}

/** Undefined when the pod keeps within the limits for what it may hold on the node's disk. */
export function localStorageViolation(pod: Pod, stats: PodStats): LocalStorageViolation | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const limit = volume.emptyDir?.sizeLimit;
    if (limit === undefined || volume.emptyDir?.medium === "Memory" || wholeValue(limit) === 0) continue;
    const used = stats.volume?.find(({ name }) => name === volume.name)?.usedBytes ?? 0;
    if (used > wholeValue(limit)) {
      const message = `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${limit}". `;
      return { message, limit: "emptydirfs.limit" };
    }
  }
  // As upstream: containers without a limit count into the usage, not into the limit.
  const total = aggregatePod(pod, "limits", quantities).get("ephemeral-storage");
  if (total && (stats["ephemeral-storage"]?.usedBytes ?? 0) > total.toNumber()) {
    const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${total.toString()}. `;
    return { message, limit: "ephemeralpodfs.limit" };
  }
  for (const { name, rootfs, logs } of stats.containers) {
    const limit = pod.spec.containers.find((c) => c.name === name)?.resources?.limits?.["ephemeral-storage"];
    if (limit === undefined || wholeValue(limit) === 0) continue;
    const used = (rootfs?.usedBytes ?? 0) + (logs?.usedBytes ?? 0);
    if (used > wholeValue(limit)) {
      const message = `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
      return { message, limit: "ephemeralcontainerfs.limit" };
    }
  }
  return undefined;
}

const quantities: AmountArithmetic<Quantity> = {
  parse: (_, quantity) => Quantity.parse(quantity),
  add: (a, b) => a.add(b),
  max: (a, b) => (a.compare(b) < 0 ? b : a),
};
