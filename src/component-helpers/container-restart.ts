import type { Container, ContainerRestartRule, Pod } from "../api/core/v1/types.gen.ts";

type RestartAction = ContainerRestartRule["action"];

/** Whether a container that exited with this code is started again: by its own first rule that fits, its own policy, the pod's. */
export function restartsAfterExit(pod: Pod, container: Container, exitCode: number): boolean {
  if (ruleAction(container, exitCode) !== undefined) return true;
  switch (container.restartPolicy ?? pod.spec.restartPolicy) {
    case "Never":
      return false;
    case "OnFailure":
      return exitCode !== 0;
    default:
      return true;
  }
}

/** Whether its exit has all containers of the pod start over. */
export function restartsAllAfterExit(container: Container, exitCode: number): boolean {
  return ruleAction(container, exitCode) === "RestartAllContainers";
}

/** Whether the pod has a rule by which all its containers may start over, whatever their own policies. */
export function mayRestartAll(pod: Pod): boolean {
  return [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some((c) =>
    c.restartPolicyRules?.some(({ action }) => action === "RestartAllContainers"),
  );
}

/** Of the first rule that fits. Rules count only beside a policy of the container's own. */
function ruleAction(container: Container, exitCode: number): RestartAction | undefined {
  if (container.restartPolicy === undefined) return undefined;
  return container.restartPolicyRules?.find((rule) => fits(rule, exitCode))?.action;
}

function fits({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (!exitCodes) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === "In" ? isListed : exitCodes.operator === "NotIn" && !isListed;
}
