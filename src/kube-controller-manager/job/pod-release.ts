import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { pods } from "../../api/resources.gen.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import { trackingFinalizer } from "./job-pods.ts";

/** Takes the finalizer off: the pod may go. */
export async function releasePod(
  { client }: Pick<ControllerContext, "client">,
  pod: Pod,
  signal: AbortSignal,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const patch = { metadata: { uid, "$deleteFromPrimitiveList/finalizers": [trackingFinalizer] } };
  await client.resource(pods, namespace).patch(name, "strategic", patch, { signal }).catch(ignoreNotFound);
}

/** For what may be gone already. */
export function ignoreNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error;
}
