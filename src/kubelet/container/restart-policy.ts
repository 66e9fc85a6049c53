import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import { isSidecar } from "../api/pods.ts";
import { latestContainer, type PodRecord } from "./pod-record.ts";

/** Whether the pod's policy starts a container again that failed. */
export function restartsOnFailure(pod: Pod): boolean {
  return pod.spec.restartPolicy !== "Never";
}

/**
 * Whether a container that does not run should be started (again):
 *
 * | newest container      | Always | OnFailure | Never |
 * |-----------------------|--------|-----------|-------|
 * | none                  | yes    | yes       | yes   |
 * | created or unknown    | yes    | yes       | yes   |
 * | running               | no     | no        | no    |
 * | exited with 0         | yes    | no        | no    |
 * | exited with another   | yes    | yes       | no    |
 *
 * A pod being deleted starts nothing; a sidecar is always restarted.
 */
export function shouldContainerBeRestarted(pod: Pod, container: Container, record: PodRecord): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const latest = latestContainer(record, container.name);
  if (!latest) return true;
  if (latest.state === "running") return false;
  if (latest.state !== "exited") return true;
  if (isSidecar(container)) return true;
  switch (pod.spec.restartPolicy) {
    case "Never":
      return false;
    case "OnFailure":
      return latest.exitCode !== 0;
    case "Always":
    case undefined:
      return true;
  }
}
