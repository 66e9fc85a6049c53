import type { Pod } from "../../api/core/v1/types.gen.ts";
import { podLimits } from "../../component-helpers/resource/pod-requests.ts";
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

/** Why the pod must go for what it keeps on the node's disk, in upstream's words; undefined when it keeps within its limits. */
export function localStorageViolation(pod: Pod, stats: PodStats): string | undefined {
  for (const volume of pod.spec.volumes ?? []) {
    const limit = volume.emptyDir?.sizeLimit;
    if (limit === undefined || volume.emptyDir?.medium === "Memory" || wholeValue(limit) === 0) continue;
    const used = stats.volume?.find(({ name }) => name === volume.name)?.usedBytes ?? 0;
    if (used > wholeValue(limit)) return `Usage of EmptyDir volume "${volume.name}" exceeds the limit "${limit}". `;
  }
  const everyoneIsLimited = pod.spec.containers.every((c) => c.resources?.limits?.["ephemeral-storage"] !== undefined);
  const total = podLimits(pod).get("ephemeral-storage") ?? 0;
  if (everyoneIsLimited && total > 0 && (stats["ephemeral-storage"]?.usedBytes ?? 0) > total) {
    const [only, ...others] = pod.spec.containers;
    const text = others.length === 0 ? (only?.resources?.limits?.["ephemeral-storage"] ?? "") : String(total);
    return `Pod ephemeral local storage usage exceeds the total limit of containers ${text}. `;
  }
  for (const { name, rootfs, logs } of stats.containers) {
    const limit = allContainers(pod).find((c) => c.name === name)?.resources?.limits?.["ephemeral-storage"];
    if (limit === undefined) continue;
    const used = (rootfs?.usedBytes ?? 0) + (logs?.usedBytes ?? 0);
    if (used > wholeValue(limit)) return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}
