/** Defaults of apps/v1 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { DaemonSet, Deployment, StatefulSet } from "./types.gen.ts";

export function deploymentStrategy(deployment: Mutable<Deployment>): void {
  const { strategy } = deployment.spec;
  if (strategy.type !== "RollingUpdate") return;
  const rolling = (strategy.rollingUpdate ??= {});
  rolling.maxUnavailable ??= "25%";
  rolling.maxSurge ??= "25%";
}

/** Upstream keeps it in a field that this version of the kind does not have. */
export const templateGenerationAnnotation = "deprecated.daemonset.template.generation";

/** What the server counts starts before the first template. */
export function daemonSetTemplateGeneration({ metadata }: Mutable<DaemonSet>): void {
  if (metadata.annotations?.[templateGenerationAnnotation] !== undefined) return;
  metadata.annotations = { ...metadata.annotations, [templateGenerationAnnotation]: "0" };
}

export function daemonSetUpdateStrategy(set: Mutable<DaemonSet>): void {
  const { updateStrategy } = set.spec;
  if (updateStrategy.type !== "RollingUpdate") return;
  const rolling = (updateStrategy.rollingUpdate ??= {});
  rolling.maxUnavailable ??= 1;
  rolling.maxSurge ??= 0;
}

/** The strategy's type is defaulted here and not as data: only a type that was left open brings its `rollingUpdate` along. */
export function statefulSetUpdateStrategy(set: Mutable<StatefulSet>): void {
  const { updateStrategy } = set.spec;
  if (updateStrategy.type === undefined) {
    updateStrategy.type = "RollingUpdate";
    updateStrategy.rollingUpdate ??= {};
  }
  if (updateStrategy.type !== "RollingUpdate" || updateStrategy.rollingUpdate === undefined) return;
  updateStrategy.rollingUpdate.partition ??= 0;
  updateStrategy.rollingUpdate.maxUnavailable ??= 1;
}

/** Claim templates are whole objects, and name their kind. */
export function claimTemplateKinds(set: Mutable<StatefulSet>): void {
  for (const template of set.spec.volumeClaimTemplates ?? []) {
    template.apiVersion = "v1";
    template.kind = "PersistentVolumeClaim";
  }
}
