import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Job } from "../../api/batch/v1/types.gen.ts";
import { jobs } from "../../api/resources.gen.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { finishedCondition } from "../job/job-conditions.ts";

/** Deletes finished Jobs, and their pods before them, once their time to live is over. */
export const ttlAfterFinishedController: ControllerDescriptor = {
  name: "ttl-after-finished-controller",
  serviceAccount: "ttl-after-finished-controller",
  rules: [
    { verbs: ["get", "list", "watch", "delete"], apiGroups: ["batch"], resources: ["jobs"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => {
    const { client, clock } = context;
    const informer = context.informers.for(jobs);
    const reconcile = async (key: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
      const cached = informer.lister.getByKey(key);
      const leftMs = cached && timeToLive(cached, clock.now());
      if (!cached || leftMs === undefined) return;
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      // The cache may be behind a user who has just given the job a longer life.
      const resource = client.resource(jobs, cached.metadata.namespace);
      const fresh = await resource.get(cached.metadata.name, { signal }).catch(ignoreNotFound);
      const freshLeftMs = fresh && timeToLive(fresh, clock.now());
      if (!fresh || freshLeftMs === undefined) return;
      if (freshLeftMs > 0) return { requeueAfterMs: freshLeftMs };
      const { name, uid, resourceVersion } = fresh.metadata;
      await resource
        .delete(name, { propagationPolicy: "Foreground", preconditions: { uid, resourceVersion }, signal })
        .catch(ignoreNotFound);
    };
    const controller = new ReconcileController({ ...context, name: "ttl_jobs_to_delete", reconcile });
    controller.watch(informer);
    return controller;
  },
};

/** How long the job has still to live; undefined when nothing ends its life. */
function timeToLive(job: Job, nowMs: number): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  const finished = finishedCondition(job);
  if (ttlSecondsAfterFinished === undefined || !finished || job.metadata.deletionTimestamp) return undefined;
  return parseTime(finished.lastTransitionTime) + ttlSecondsAfterFinished * 1000 - nowMs;
}

function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
