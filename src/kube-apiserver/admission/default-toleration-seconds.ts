import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import { isPod } from "./refuse.ts";

const keys = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];
const tolerationSeconds = 300;

/** Pods that say nothing else bear a node in trouble for five minutes before they are evicted. */
export class DefaultTolerationSeconds implements AdmissionPlugin {
  readonly name = "DefaultTolerationSeconds";

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE" || operation === "UPDATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    if (!isPod(attributes) || !attributes.object) return;
    const { spec } = attributes.object as Mutable<Pod>;
    const before = spec.tolerations ?? [];
    const missing = keys.filter(
      (key) =>
        !before.some(
          (toleration) =>
            (!toleration.key || toleration.key === key) && (!toleration.effect || toleration.effect === "NoExecute"),
        ),
    );
    if (missing.length === 0) return;
    const added = missing.map((key) => ({
      key,
      operator: "Exists" as const,
      effect: "NoExecute" as const,
      tolerationSeconds,
    }));
    spec.tolerations = [...before, ...added];
  }
}
