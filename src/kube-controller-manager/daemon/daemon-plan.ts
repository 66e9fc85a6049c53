import type { DaemonSet } from "../../api/apps/v1/types.gen.ts";
import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { scaledValue } from "../../component-helpers/int-or-string.ts";
import { availableInMs, isPodReady } from "../../component-helpers/pod.ts";
import { isUpdated, placementOn } from "./daemon-pods.ts";

/** What is to be done for one DaemonSet. */
export interface DaemonPlan {
  /** Names of the nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Pod[];
}

/** The set, its pods by node and the nodes there are. */
export interface DaemonView {
  readonly ds: DaemonSet;
  /** Of the present template. */
  readonly hash: string;
  readonly nodes: readonly Node[];
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
  readonly nowMs: number;
}

/** Every node that should have a pod gets one; pods that have ended, are too many or are misplaced go. */
export function placementPlan(
  view: DaemonView,
  /** Asked for each failed pod; false while its node is in back-off. */
  mayRemoveFailed: (nodeName: string, pod: Pod) => boolean,
): DaemonPlan {
  const create: string[] = [];
  const remove: Pod[] = [];
  for (const node of view.nodes) {
    const { name } = node.metadata;
    const { shouldRun, mayStay } = placementOn(view.ds, node);
    const pods = view.podsByNode.get(name) ?? [];
    const live = pods.filter((p) => !p.metadata.deletionTimestamp);
    if (!mayStay) {
      remove.push(...live);
      continue;
    }
    if (shouldRun && pods.length === 0) create.push(name);
    for (const pod of live) {
      if (pod.status.phase === "Succeeded") remove.push(pod);
      if (pod.status.phase === "Failed" && mayRemoveFailed(name, pod)) remove.push(pod);
    }
    const running = live.filter((p) => p.status.phase !== "Failed" && p.status.phase !== "Succeeded");
    remove.push(...surplusPods(view, running));
  }
  return { create, remove };
}

/** One pod a node; while surging one of the new template beside an old one, until either is of no use. */
function surplusPods(view: DaemonView, running: readonly Pod[]): readonly Pod[] {
  if (running.length <= 1) return [];
  const sorted = [...running].sort(oldestFirst);
  if (rolloutLimits(view).maxSurge === 0) return sorted.slice(1);
  const [newPod, ...moreNew] = sorted.filter((p) => isUpdated(p, view.hash));
  const [oldPod, ...moreOld] = sorted.filter((p) => !isUpdated(p, view.hash));
  const surplus = [...moreNew, ...moreOld];
  if (newPod && oldPod && (!isPodReady(oldPod) || isAvailable(view, newPod))) surplus.push(oldPod);
  return surplus;
}

/** Replaces pods of old templates within the limits of the strategy: first those that are of no use anyhow. */
export function rolloutPlan(view: DaemonView): DaemonPlan {
  const { maxSurge, maxUnavailable } = rolloutLimits(view);
  return maxSurge === 0 ? replacePlan(view, maxUnavailable) : surgePlan(view, maxSurge);
}

function replacePlan(view: DaemonView, maxUnavailable: number): DaemonPlan {
  let unavailable = 0;
  const useless: Pod[] = [];
  const candidates: Pod[] = [];
  for (const pods of view.podsByNode.values()) {
    const { newPod, oldPod, isClear } = versionsOf(view, pods);
    // Neither or both: placing pods is not finished here.
    if (!isClear || Boolean(newPod) === Boolean(oldPod)) unavailable++;
    else if (newPod) unavailable += isAvailable(view, newPod) ? 0 : 1;
    else if (oldPod && !isAvailable(view, oldPod)) {
      useless.push(oldPod);
      unavailable++;
    } else if (oldPod) candidates.push(oldPod);
  }
  return { create: [], remove: [...useless, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))] };
}

function surgePlan(view: DaemonView, maxSurge: number): DaemonPlan {
  let surging = 0;
  const useless: string[] = [];
  const candidates: string[] = [];
  const remove: Pod[] = [];
  for (const [name, pods] of view.podsByNode) {
    const { newPod, oldPod, isClear } = versionsOf(view, pods);
    if (!isClear) surging++;
    else if (oldPod && !newPod) (isAvailable(view, oldPod) ? candidates : useless).push(name);
    else if (oldPod && newPod) {
      if (isAvailable(view, newPod)) remove.push(oldPod);
      else surging++;
    }
  }
  const hosts = new Set(view.nodes.filter((n) => placementOn(view.ds, n).shouldRun).map((n) => n.metadata.name));
  const chosen = [...useless, ...candidates.slice(0, Math.max(0, maxSurge - surging))];
  return { create: chosen.filter((name) => hosts.has(name)), remove };
}

/** The node's live pod of the present template and that of another; not clear when there are several of a sort. */
function versionsOf(
  view: DaemonView,
  pods: readonly Pod[],
): { readonly newPod: Pod | undefined; readonly oldPod: Pod | undefined; readonly isClear: boolean } {
  const live = pods.filter((p) => !p.metadata.deletionTimestamp);
  const fresh = live.filter((p) => isUpdated(p, view.hash));
  const old = live.filter((p) => !isUpdated(p, view.hash));
  return { newPod: fresh[0], oldPod: old[0], isClear: fresh.length <= 1 && old.length <= 1 };
}

function rolloutLimits({ ds, nodes }: DaemonView): { readonly maxSurge: number; readonly maxUnavailable: number } {
  const rolling = ds.spec.updateStrategy.type === "OnDelete" ? undefined : ds.spec.updateStrategy.rollingUpdate;
  const desired = nodes.filter((node) => placementOn(ds, node).shouldRun).length;
  const maxUnavailable = scaledValue(rolling?.maxUnavailable ?? 1, desired, "up");
  const maxSurge = scaledValue(rolling?.maxSurge ?? 0, desired, "up");
  // Neither would be a rollout that never moves.
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

export function isAvailable({ ds, nowMs }: Pick<DaemonView, "ds" | "nowMs">, pod: Pod): boolean {
  return availableInMs(pod, ds.spec.minReadySeconds ?? 0, nowMs) === 0;
}

export function oldestFirst(a: Pod, b: Pod): number {
  const [left, right] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
  if (left !== right) return left < right ? -1 : 1;
  return (
    Number(Boolean(b.spec.nodeName)) - Number(Boolean(a.spec.nodeName)) || (a.metadata.name < b.metadata.name ? -1 : 1)
  );
}
