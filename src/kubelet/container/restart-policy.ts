import type { Container, ContainerRestartRule, Pod } from "../../api/core/v1/types.gen.ts";
import { latestContainer, type PodRecord } from "./pod-record.ts";

/** Whether a container that is ended for its probe is started again; rules on exit codes say nothing of that. */
export function restartsAfterKill(pod: Pod, container: Container): boolean {
  return (container.restartPolicy ?? pod.spec.restartPolicy) !== "Never";
}

/** Whether a container that exited with this code is started again: by its own first rule that fits, its own policy, the pod's. */
export function restartsAfterExit(pod: Pod, container: Container, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const rule = container.restartPolicyRules?.find((r) => fits(r, exitCode));
    if (rule?.action === "Restart" || rule?.action === "RestartAllContainers") return true;
  }
  switch (container.restartPolicy ?? pod.spec.restartPolicy) {
    case "Never":
      return false;
    case "OnFailure":
      return exitCode !== 0;
    default:
      return true;
  }
}

function fits({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (!exitCodes) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === "In" ? isListed : exitCodes.operator === "NotIn" && !isListed;
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
