import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import { restartsAfterExit, restartsAllAfterExit } from "../../component-helpers/container-restart.ts";
import { allContainers } from "../api/pods.ts";
import { latestContainer, type PodRecord } from "./pod-record.ts";

/** Whether a container that is ended for its probe is started again; rules on exit codes say nothing of that. */
export function restartsAfterKill(pod: Pod, container: Container): boolean {
  return (container.restartPolicy ?? pod.spec.restartPolicy) !== "Never";
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
 * A pod being deleted starts nothing. The policy is the container's own, if it has one.
 */
export function shouldContainerBeRestarted(pod: Pod, container: Container, record: PodRecord): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const latest = latestContainer(record, container.name);
  if (!latest) return true;
  if (latest.state === "running") return false;
  return latest.state !== "exited" || restartsAfterExit(pod, container, latest.exitCode);
}

/**
 * Whether all containers of the pod are to start over, because one ended that has a rule for it. Those that gave cause are
 * the last to be removed, so this stays true until the pod is bare, whatever interrupts the work.
 */
export function restartsAll(pod: Pod, record: PodRecord): boolean {
  return allContainers(pod).some((container) => {
    const latest = latestContainer(record, container.name);
    return latest?.state === "exited" && restartsAllAfterExit(container, latest.exitCode);
  });
}
