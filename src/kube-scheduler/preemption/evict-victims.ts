import { pods } from "../../api/resources.gen.ts";
import { isConflict, isNotFound } from "../../apimachinery/errors/status-error.ts";
import { disruptionTarget } from "../../component-helpers/pod.ts";
import type { PodInfo } from "../cache/pod-info.ts";
import type { PluginHandle } from "../framework/handle.ts";
import type { Candidate } from "./candidates.ts";

/**
 * Marks each victim as disrupted, deletes it gracefully and says so in an event on it; then takes back the nominations
 * (`displaced`) that the room was promised to before. A victim that is gone already is fine.
 */
export async function evictVictims(
  handle: PluginHandle,
  preemptor: PodInfo,
  { node, victims }: Candidate,
  displaced: readonly PodInfo[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(victims.map((victim) => evict(handle, preemptor, victim, node.name, signal)));
  for (const { pod } of displaced) {
    await ignoringGone(
      handle.client
        .resource(pods, pod.metadata.namespace)
        .patch(
          pod.metadata.name,
          "strategic",
          { metadata: { uid: pod.metadata.uid }, status: { nominatedNodeName: null } },
          { subresource: "status", signal },
        ),
    );
  }
}

async function evict(
  { client, recorder, clock }: PluginHandle,
  preemptor: PodInfo,
  { pod }: PodInfo,
  nodeName: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, namespace, uid } = pod.metadata;
  const resource = client.resource(pods, namespace);
  if (pod.metadata.deletionTimestamp === undefined) {
    const scheduler = preemptor.pod.spec.schedulerName ?? "default-scheduler";
    const message = `${scheduler}: preempting to accommodate a higher priority pod`;
    const condition = disruptionTarget(pod, preemptionReason, message, clock.now());
    await ignoringGone(
      resource.patch(
        name,
        "strategic",
        { metadata: { uid }, status: { conditions: [condition] } },
        { subresource: "status", signal },
      ),
    );
    await ignoringGone(resource.delete(name, { preconditions: { uid }, signal }));
  }
  const note = `Preempted by pod ${preemptor.pod.metadata.uid} on node ${nodeName}`;
  recorder.event(pod, "Normal", "Preempted", note, { action: "Preempting", related: preemptor.pod });
}

export const preemptionReason = "PreemptionByScheduler";

/** Not found, or another pod of that name: the victim has gone by itself. */
async function ignoringGone(write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}
