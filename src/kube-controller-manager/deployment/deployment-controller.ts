import type { Deployment, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { deployments, pods, replicaSets } from "../../api/resources.gen.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { isEmptySelector, labelMatcher } from "../../component-helpers/label-selector.ts";
import { claimDependents, controllerKeys, controllerOf } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { addControllerIndexes, claimCandidates, podsOfOwners } from "../pod-indexes.ts";
import { stuckInMs } from "./deployment-conditions.ts";
import { activeSets, annotatedNumber, annotations, desiredReplicas } from "./deployment-math.ts";
import { DeploymentSync } from "./deployment-sync.ts";
import { recreate } from "./recreate.ts";
import { rollingUpdate } from "./rolling-update.ts";

// Upstream gives a Deployment up after as many failures in a row, until something happens to it.
const retriesMax = 15;

export const deploymentController: ControllerDescriptor = {
  name: "deployment-controller",
  serviceAccount: "deployment-controller",
  rules: [
    { verbs: ["get", "list", "watch", "update", "patch"], apiGroups: ["apps"], resources: ["deployments"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["deployments/status"] },
    { verbs: ["update"], apiGroups: ["apps"], resources: ["deployments/finalizers"] },
    {
      verbs: ["get", "list", "watch", "create", "update", "patch", "delete"],
      apiGroups: ["apps"],
      resources: ["replicasets"],
    },
    { verbs: ["get", "list", "watch", "update"], apiGroups: [""], resources: ["pods"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => createDeploymentController(context),
};

function createDeploymentController(context: ControllerContext): ReconcileController {
  const deploymentInformer = context.informers.for(deployments);
  const setInformer = context.informers.for(replicaSets);
  const podInformer = context.informers.for(pods);
  addControllerIndexes(setInformer);
  addControllerIndexes(podInformer);

  const controller = new ReconcileController({
    ...context,
    name: "deployment",
    retriesMax,
    reconcile: (key, signal) => reconcile({ context, deploymentInformer, setInformer, podInformer }, key, signal),
  });
  controller.watch(deploymentInformer);
  controller.watch(setInformer, (rs) =>
    controllerOf(rs) ? controllerKeys(rs, deployments) : matchingDeployments(deploymentInformer, rs),
  );
  // Only Recreate waits for pods, and only for their end.
  podInformer.addEventHandler({
    onDelete: (pod) => {
      for (const key of recreatedBy(deploymentInformer, setInformer, pod)) controller.enqueue(key);
    },
    onUpdate: (_, pod) => {
      if (pod.status.phase !== "Succeeded" && pod.status.phase !== "Failed") return;
      for (const key of recreatedBy(deploymentInformer, setInformer, pod)) controller.enqueue(key);
    },
  });
  return controller;
}

interface World {
  readonly context: ControllerContext;
  readonly deploymentInformer: SharedInformer<Deployment>;
  readonly setInformer: SharedInformer<ReplicaSet>;
  readonly podInformer: SharedInformer<Pod>;
}

async function reconcile(world: World, key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
  const { context, deploymentInformer, setInformer, podInformer } = world;
  const d = deploymentInformer.lister.getByKey(key);
  if (!d) return;
  if (isEmptySelector(d.spec.selector)) {
    const message = "This deployment is selecting all pods. A non-empty selector is required.";
    context.recorder.event(d, "Warning", "SelectingAll", message);
    return new DeploymentSync(context, d, [], signal).observeGeneration();
  }
  const matches = labelMatcher(d.spec.selector);
  const sets = await claimDependents({
    client: context.client,
    owner: d,
    ownerType: deployments,
    dependentType: replicaSets,
    candidates: claimCandidates(setInformer, d),
    matches: (rs) => matches(rs.metadata.labels),
    signal,
  });
  const sync = new DeploymentSync(context, d, sets, signal);
  if (d.metadata.deletionTimestamp) return sync.statusOnly();
  await sync.syncPausedCondition();
  if (d.spec.paused || isScaling(d, sets)) {
    await sync.scaleOnly();
    return;
  }
  if (d.spec.strategy.type === "Recreate") await recreate(sync, podsOfOwners(podInformer, sets));
  else await rollingUpdate(sync);
  const requeueAfterMs = stuckInMs(sync.deployment, sync.deployment.status, context.clock.now());
  if (requeueAfterMs !== undefined) return { requeueAfterMs };
}

/** True when the Deployment's size was changed since it was written on its sets. */
function isScaling(d: Deployment, sets: readonly ReplicaSet[]): boolean {
  return activeSets(sets).some((rs) => {
    const desired = annotatedNumber(rs, annotations.desiredReplicas);
    return desired !== undefined && desired !== desiredReplicas(d);
  });
}

function matchingDeployments(informer: SharedInformer<Deployment>, orphan: ReplicaSet): string[] {
  return informer.lister
    .list(orphan.metadata.namespace)
    .filter((d) => labelMatcher(d.spec.selector)(orphan.metadata.labels) && !isEmptySelector(d.spec.selector))
    .map(objectKey);
}

/** The Deployment of strategy Recreate the pod belongs to. */
function recreatedBy(
  deploymentInformer: SharedInformer<Deployment>,
  setInformer: SharedInformer<ReplicaSet>,
  pod: Pod,
): readonly string[] {
  return controllerKeys(pod, replicaSets)
    .map((key) => setInformer.lister.getByKey(key))
    .flatMap((rs) => (rs ? controllerKeys(rs, deployments) : []))
    .filter((key) => deploymentInformer.lister.getByKey(key)?.spec.strategy.type === "Recreate");
}
