import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";

const notReady = { key: "node.kubernetes.io/not-ready", effect: "NoSchedule" } as const;

/** A new node takes no pods before it was seen ready: the taint is there from its first moment. */
export class TaintNodesByCondition implements AdmissionPlugin {
  readonly name = "TaintNodesByCondition";

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    if (attributes.group !== "" || attributes.resource !== "nodes" || attributes.subresource !== "") return;
    if (!attributes.object) return;
    const { spec } = attributes.object as Mutable<Node>;
    const taints = spec.taints ?? [];
    if (taints.some((taint) => taint.key === notReady.key && taint.effect === notReady.effect)) return;
    spec.taints = [...taints, { ...notReady }];
  }
}
