import { hasStatusCause, isNotFound } from "../apimachinery/errors/status-error.ts";
import { namespaceTerminatingCause } from "../apimachinery/errors/new.ts";
import type { KubeObject, ResourceType } from "../apimachinery/resource-type.ts";
import type { Pod, PodTemplateSpec } from "../api/core/v1/types.gen.ts";
import { pods } from "../api/resources.gen.ts";
import { errorText } from "../component-base/logger.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import { newControllerRef } from "../controller-runtime/controller-ref.ts";

export interface PodControlContext {
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
}

/** Creates a pod from the template, controlled by `owner`, and tells it in the owner's events. Rejects when refused. */
export async function createPodFromTemplate<O extends KubeObject>(
  context: PodControlContext,
  owner: O,
  ownerType: ResourceType<O>,
  template: PodTemplateSpec,
  signal: AbortSignal,
  generateName = `${owner.metadata.name ?? ""}-`,
): Promise<Pod> {
  const { labels, annotations, finalizers } = template.metadata;
  const namespace = owner.metadata.namespace ?? "";
  try {
    const created = await context.client.resource(pods, namespace).create(
      {
        metadata: {
          generateName,
          namespace,
          ...(labels ? { labels } : {}),
          ...(annotations ? { annotations } : {}),
          ...(finalizers ? { finalizers } : {}),
          ownerReferences: [newControllerRef(ownerType, owner)],
        },
        ...(template.spec ? { spec: template.spec } : {}),
      },
      { signal },
    );
    context.recorder.event(owner, "Normal", "SuccessfulCreate", `Created pod: ${created.metadata.name}`);
    return created;
  } catch (error) {
    // A namespace on its way out refuses everything; that is no news about this owner.
    if (!hasStatusCause(error, namespaceTerminatingCause) && !signal.aborted)
      context.recorder.event(owner, "Warning", "FailedCreate", `Error creating: ${errorText(error)}`);
    throw error;
  }
}

/** Deletes the pod and tells it in the owner's events. A pod that is gone already is no failure: resolves to false. */
export async function deletePod(
  context: PodControlContext,
  owner: KubeObject,
  pod: Pod,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await context.client.resource(pods, pod.metadata.namespace).delete(pod.metadata.name, {
      // Another pod may have taken the name by now.
      preconditions: { uid: pod.metadata.uid },
      signal,
    });
  } catch (error) {
    if (isNotFound(error)) return false;
    if (!signal.aborted)
      context.recorder.event(owner, "Warning", "FailedDelete", `Error deleting: ${errorText(error)}`);
    throw error;
  }
  context.recorder.event(owner, "Normal", "SuccessfulDelete", `Deleted pod: ${pod.metadata.name}`);
  return true;
}
