import type { Node, Pod } from "../../api/core/v1/types.gen.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { specRequests, resourceAmount } from "../../component-helpers/resource/pod-requests.ts";
import { isPod, refuse } from "./refuse.ts";

const osLabel = "kubernetes.io/os";

/** Refuses to resize a running pod beyond all that its node has, where the kubelet could only call it infeasible. */
export class PodResizeValidator implements AdmissionPlugin {
  readonly name = "PodResizeValidator";
  readonly #nodes: Pick<StorageLister<Node>, "get">;

  constructor(nodes: Pick<StorageLister<Node>, "get">) {
    this.#nodes = nodes;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { object, oldObject } = attributes;
    if (!object || !oldObject || !isPod(attributes, "resize")) return;
    const pod = object as Pod;
    const { nodeName } = pod.spec;
    if (!nodeName || pod.metadata.generation === oldObject.metadata.generation) return;
    const node = this.#nodes.get("", nodeName);
    if (!node) throw refuse(attributes, `node "${nodeName}" not found`);
    const os = node.metadata.labels?.[osLabel] ?? "linux";
    if (os !== "linux") {
      const why = `pod resize is only supported on linux nodes, node "${nodeName}" is "${os}"`;
      throw withCause(refuse(attributes, why), "UnsupportedPlatform");
    }
    const requests = specRequests(pod);
    const problems = ["cpu", "memory"].flatMap((name) => {
      const requested = requests.get(name) ?? 0;
      const allocatable = resourceAmount(name, node.status?.allocatable?.[name] ?? "0");
      return requested > allocatable ? [`${name}, requested: ${requested}, allocatable: ${allocatable}`] : [];
    });
    if (problems.length === 0) return;
    const why = `node didn't have enough allocatable resources: ${problems.join("; ")}`;
    throw withCause(refuse(attributes, why), "NodeCapacity");
  }
}

function withCause({ code, reason, message, details }: StatusError, cause: string): StatusError {
  return new StatusError({ code, reason, message, details: { ...details, causes: [{ reason: cause }] } });
}
