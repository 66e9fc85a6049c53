/** Defaults of autoscaling/v2 that are no single value. */
import type { Mutable } from "../../../apimachinery/resource-type.ts";
import type { HPAScalingRules, HorizontalPodAutoscaler } from "./types.gen.ts";

const targetUtilizationPercent = 80;

export function scalingDefaults(autoscaler: Mutable<HorizontalPodAutoscaler>): void {
  const { spec } = autoscaler;
  spec.metrics ??= [
    {
      type: "Resource",
      resource: { name: "cpu", target: { type: "Utilization", averageUtilization: targetUtilizationPercent } },
    },
  ];
  if (spec.behavior === undefined) return;
  spec.behavior.scaleUp = scaleUpDefaults(spec.behavior.scaleUp);
  spec.behavior.scaleDown = scaleDownDefaults(spec.behavior.scaleDown);
}

function scaleUpDefaults(rules: Mutable<HPAScalingRules> = {}): Mutable<HPAScalingRules> {
  rules.stabilizationWindowSeconds ??= 0;
  rules.selectPolicy ??= "Max";
  rules.policies ??= [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ];
  return rules;
}

/** The window stays open: unset means the controller's own setting. */
function scaleDownDefaults(rules: Mutable<HPAScalingRules> = {}): Mutable<HPAScalingRules> {
  rules.selectPolicy ??= "Max";
  rules.policies ??= [{ type: "Percent", value: 100, periodSeconds: 15 }];
  return rules;
}
