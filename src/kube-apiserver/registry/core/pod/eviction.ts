import { selectorFromLabelSelector } from "../../../../apimachinery/labels/selector.ts";
import { badRequest, internalError, tooManyRequests } from "../../../../apimachinery/errors/new.ts";
import { StatusError } from "../../../../apimachinery/errors/status-error.ts";
import type { KubeObject, Mutable } from "../../../../apimachinery/resource-type.ts";
import { podDisruptionBudgets, pods } from "../../../../api/resources.gen.ts";
import type { Pod } from "../../../../api/core/v1/types.gen.ts";
import type { Eviction, PodDisruptionBudget } from "../../../../api/policy/v1/types.gen.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import { disruptionTarget } from "../../../../component-helpers/pod.ts";
import { formatTime } from "../../../../component-helpers/time.ts";
import { statusSuccess } from "../../status-success.ts";
import { setPodCondition } from "./conditions.ts";

/** POST pods/eviction: a deletion that asks the pod's disruption budget first. */
export async function createEviction(request: SubresourceRequest): Promise<KubeObject> {
  const { namespace, name, context, registry } = request;
  const eviction = request.body as Mutable<Eviction> | undefined;
  if (eviction?.metadata.name && eviction.metadata.name !== name) {
    throw badRequest("name in URL does not match name in Eviction object");
  }
  const registryOfPods = registry.resource(pods);
  const pod = await registryOfPods.get(namespace, name);
  const budgets = registry
    .lister(podDisruptionBudgets)
    .list(namespace)
    .filter((budget) => covers(budget, pod));
  if (!needsNoBudget(pod) && budgets.length > 0) {
    const [budget, ...more] = budgets;
    if (more.length > 0) {
      const why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
      throw internalError(new Error(why));
    }
    if (budget && !isUnhealthyAndSpare(pod, budget)) await takeFromBudget(request, budget, name);
  }
  if (!context.dryRun) {
    await registryOfPods.update(
      namespace,
      name,
      (current) =>
        setPodCondition(
          current,
          disruptionTarget(current, "EvictionByEvictionAPI", "Eviction API: evicting", context.nowMs),
        ),
      context,
      { subresource: "status" },
    );
  }
  await registryOfPods.delete(
    namespace,
    name,
    eviction?.deleteOptions ?? { apiVersion: "v1", kind: "DeleteOptions" },
    context,
  );
  return statusSuccess();
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const { selector } = budget.spec;
  return selector !== undefined && selectorFromLabelSelector(selector).matches(pod.metadata.labels ?? {});
}

/** What does not run yet, or no more, disrupts nothing. */
function needsNoBudget(pod: Pod): boolean {
  const { phase } = pod.status;
  return phase === "Pending" || phase === "Succeeded" || phase === "Failed" || Boolean(pod.metadata.deletionTimestamp);
}

/** A pod that is not ready does not count towards the budget, so that taking it away cannot hurt a budget that is met. */
function isUnhealthyAndSpare(pod: Pod, budget: PodDisruptionBudget): boolean {
  const isReady = pod.status.conditions?.some((c) => c.type === "Ready" && c.status === "True") ?? false;
  if (isReady) return false;
  if (budget.spec.unhealthyPodEvictionPolicy === "AlwaysAllow") return true;
  const { currentHealthy, desiredHealthy } = budget.status;
  return desiredHealthy > 0 && currentHealthy >= desiredHealthy;
}

async function takeFromBudget(
  request: SubresourceRequest,
  budget: PodDisruptionBudget,
  podName: string,
): Promise<void> {
  const { context, registry, namespace } = request;
  await registry.resource(podDisruptionBudgets).update(
    namespace,
    budget.metadata.name,
    (current) => {
      const { status, metadata } = current;
      if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) {
        throw violates(budget, `The disruption budget ${metadata.name} is still being processed by the server.`, 10);
      }
      if (status.disruptionsAllowed <= 0) {
        const why = `The disruption budget ${metadata.name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
        throw violates(budget, why, 0);
      }
      status.disruptionsAllowed--;
      status.disruptedPods = { ...status.disruptedPods, [podName]: formatTime(context.nowMs) };
    },
    context,
    { subresource: "status" },
  );
}

function violates(budget: PodDisruptionBudget, why: string, retryAfterSeconds: number): StatusError {
  const error = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds);
  const causes = [{ reason: "DisruptionBudget", message: why }];
  return new StatusError({
    code: error.code,
    reason: error.reason,
    message: error.message,
    details: { name: budget.metadata.name, ...error.details, causes },
  });
}
