import type { Mutable } from "../../../../apimachinery/resource-type.ts";
import type { PodSpec } from "../../../../api/core/v1/types.gen.ts";

/** Takes out what belongs to features that are off by default: clients may send it, and it is not stored. */
export function dropFieldsOfClosedGates(spec: Mutable<PodSpec>): void {
  delete spec.schedulingGroup;
  for (const container of [
    ...(spec.initContainers ?? []),
    ...(spec.containers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ]) {
    if (container.lifecycle) delete container.lifecycle.stopSignal;
  }
  for (const { projected } of spec.volumes ?? []) {
    for (const source of projected?.sources ?? []) {
      delete source.clusterTrustBundle;
      delete source.podCertificate;
    }
  }
}
