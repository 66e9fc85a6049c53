import { selectorFromLabelSelector } from "../../../../apimachinery/labels/selector.ts";
import { badRequest, conflict, forbidden, tooManyRequests } from "../../../../apimachinery/errors/new.ts";
import { isConflict, StatusError } from "../../../../apimachinery/errors/status-error.ts";
import type { Condition } from "../../../../apimachinery/meta/v1/types.gen.ts";
import type { KubeObject, Mutable } from "../../../../apimachinery/resource-type.ts";
import { podDisruptionBudgets, pods } from "../../../../api/resources.gen.ts";
import type { Pod } from "../../../../api/core/v1/types.gen.ts";
import type { Eviction, PodDisruptionBudget } from "../../../../api/policy/v1/types.gen.ts";
import type { SubresourceRequest } from "../../../../apiserver/registry/rest/strategy.ts";
import { disruptionTarget } from "../../../../component-helpers/pod.ts";
import { formatTime } from "../../../../component-helpers/time.ts";
import { statusSuccess } from "../../status-success.ts";
import { setPodCondition } from "./conditions.ts";

const podResource = { group: "", resource: "pods" };
// Evictions whose end the controller has not seen yet; upstream's limit.
const disruptedPodsMax = 2000;
// As often is tried again when the pod changes at the same time.
const conflictTriesMax = 20;

/** POST pods/eviction: a deletion that asks the pod's disruption budget first. */
export async function createEviction(request: SubresourceRequest): Promise<KubeObject> {
  const { namespace, name, registry } = request;
  const eviction = request.body as Mutable<Eviction> | undefined;
  if (eviction?.metadata.name !== name) throw badRequest("name in URL does not match name in Eviction object");
  const options = eviction.deleteOptions ?? { apiVersion: "v1", kind: "DeleteOptions" };
  for (let tries = 1; ; tries++) {
    const pod = await registry.resource(pods).get(namespace, name);
    const leave = await askBudgets(request, pod);
    try {
      await deleteEvicted(request, options, leave.isOfSeenState ? pod.metadata.resourceVersion : undefined);
      return statusSuccess();
    } catch (error) {
      const isOurs = isConflict(error) && leave.isOfSeenState && !options.preconditions?.resourceVersion;
      if (!isOurs) throw error;
      // It may have become ready meanwhile.
      if (leave.budget) throw stillProcessed(leave.budget);
      if (tries === conflictTriesMax) throw error;
    }
  }
}

interface Leave {
  /** It was given because of the state the pod was seen in, and so does not hold for another. */
  readonly isOfSeenState: boolean;
  /** The budget that gave it without being charged. */
  readonly budget?: PodDisruptionBudget;
}

/** Charges the pod's budget where one guards it. Throws when it does not allow the eviction. */
async function askBudgets(request: SubresourceRequest, pod: Pod): Promise<Leave> {
  if (hasEnded(pod)) return { isOfSeenState: false };
  if (pod.status.phase === "Pending") return { isOfSeenState: true };
  const [budget, ...more] = request.registry
    .lister(podDisruptionBudgets)
    .list(request.namespace)
    .filter((each) => covers(each, pod));
  if (!budget) return { isOfSeenState: false };
  if (more.length > 0) {
    const message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw new StatusError({ code: 500, reason: "", message });
  }
  if (isUnhealthyAndSpare(pod, budget)) return { isOfSeenState: true, budget };
  await takeFromBudget(request, budget, pod.metadata.name);
  return { isOfSeenState: false };
}

/** Marks the pod, so that everybody sees why it goes, and deletes it. */
async function deleteEvicted(
  { namespace, name, context, registry }: SubresourceRequest,
  options: NonNullable<Eviction["deleteOptions"]>,
  seenVersion: string | undefined,
): Promise<void> {
  const registryOfPods = registry.resource(pods);
  const { resourceVersion = seenVersion, ...preconditions } = options.preconditions ?? {};
  if (!context.dryRun) {
    await registryOfPods.update(
      namespace,
      name,
      (current) => {
        const { metadata } = current;
        if (preconditions.uid && preconditions.uid !== metadata.uid)
          throw conflict(
            podResource,
            name,
            `the UID in the precondition (${preconditions.uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`,
          );
        if (resourceVersion && resourceVersion !== metadata.resourceVersion)
          throw conflict(
            podResource,
            name,
            `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`,
          );
        setPodCondition(
          current,
          disruptionTarget(current, "EvictionByEvictionAPI", "Eviction API: evicting", context.nowMs),
        );
      },
      context,
      { subresource: "status" },
    );
  }
  // The version has been compared, and is another one now.
  await registryOfPods.delete(namespace, name, { ...options, preconditions }, context);
}

function covers(budget: PodDisruptionBudget, pod: Pod): boolean {
  const { selector } = budget.spec;
  return selector !== undefined && selectorFromLabelSelector(selector).matches(pod.metadata.labels ?? {});
}

/** What runs no more, or is going already, disrupts nothing. */
function hasEnded({ metadata, status }: Pod): boolean {
  return status.phase === "Succeeded" || status.phase === "Failed" || Boolean(metadata.deletionTimestamp);
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
      if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw stillProcessed(current);
      const refuse = (why: string): StatusError =>
        forbidden({ group: "policy", resource: "poddisruptionbudget" }, metadata.name, why);
      if (status.disruptionsAllowed < 0) throw refuse("pdb disruptions allowed is negative");
      if (Object.keys(status.disruptedPods ?? {}).length > disruptedPodsMax)
        throw refuse("DisruptedPods map too big - too many evictions not confirmed by PDB controller");
      if (status.disruptionsAllowed === 0) throw violates(whyNot(current), 0);
      status.disruptionsAllowed--;
      status.disruptedPods = { ...status.disruptedPods, [podName]: formatTime(context.nowMs) };
      if (status.disruptionsAllowed === 0) status.conditions = withInsufficientPods(current, context.nowMs);
    },
    context,
    { subresource: "status" },
  );
}

/** The controller would say so in a moment; nobody has to wait for it. */
function withInsufficientPods({ status }: PodDisruptionBudget, nowMs: number): Mutable<Condition>[] {
  const others = (status.conditions ?? []).filter(({ type }) => type !== "DisruptionAllowed");
  const present = status.conditions?.find(({ type }) => type === "DisruptionAllowed");
  const since = present?.status === "False" ? present.lastTransitionTime : formatTime(nowMs);
  const { observedGeneration } = status;
  return [
    ...others,
    {
      type: "DisruptionAllowed",
      status: "False",
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
      lastTransitionTime: since,
      reason: "InsufficientPods",
      message: "",
    },
  ];
}

function whyNot({ metadata: { name }, status }: PodDisruptionBudget): string {
  const { currentHealthy, desiredHealthy, conditions } = status;
  const condition = conditions?.find(({ type }) => type === "DisruptionAllowed");
  const isTold = condition?.status === "False" && condition.message !== "";
  // The numbers say nothing when they could not be counted.
  if (isTold && condition.reason === "SyncFailed")
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${condition.message}`;
  if (currentHealthy <= desiredHealthy)
    return `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  const more = isTold ? ` (${condition.reason}): ${condition.message}` : "";
  return `The disruption budget ${name} does not allow evicting pods currently${more}`;
}

function stillProcessed({ metadata: { name } }: PodDisruptionBudget): StatusError {
  return violates(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function violates(why: string, retryAfterSeconds: number): StatusError {
  const error = tooManyRequests("Cannot evict pod as it would violate the pod's disruption budget.", retryAfterSeconds);
  const causes = [{ reason: "DisruptionBudget", message: why }];
  return new StatusError({
    code: error.code,
    reason: error.reason,
    message: error.message,
    details: { ...error.details, causes },
  });
}
