import type { Binding, Node, Pod } from "../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { isPod } from "./refuse.ts";

const topologyLabels = ["topology.kubernetes.io/zone", "topology.kubernetes.io/region"] as const;

/** Tells pods where their node is, by the node's labels, so that containers can read it through the downward API. */
export class PodTopologyLabels implements AdmissionPlugin {
  readonly name = "PodTopologyLabels";
  readonly #nodes: Pick<StorageLister<Node>, "get">;

  constructor(nodes: Pick<StorageLister<Node>, "get">) {
    this.#nodes = nodes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "CREATE";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const { object } = attributes;
    if (!object) return;
    let nodeName: string | undefined;
    if (isPod(attributes)) nodeName = (object as Pod).spec.nodeName;
    else if (isPod(attributes, "binding")) {
      const { target } = object as unknown as Binding;
      if (target.kind === "Node") nodeName = target.name;
    }
    const labels = nodeName ? (this.#nodes.get("", nodeName)?.metadata.labels ?? {}) : {};
    const found = topologyLabels.flatMap((key) => (labels[key] === undefined ? [] : [[key, labels[key]] as const]));
    if (found.length === 0) return;
    const { metadata } = object;
    metadata.labels = { ...metadata.labels, ...Object.fromEntries(found) };
  }
}
