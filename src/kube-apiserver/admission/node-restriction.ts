import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { TokenRequest } from "../../api/authentication/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { nodeNameOf } from "../authorization/node-identity.ts";
import { refuse } from "./refuse.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
const leaseNamespace = "kube-node-lease";

/**
 * Keeps a kubelet to its own node: its Node, Lease and CSINode, and the pods bound to it.
 *
 * Differs from upstream: labels under `node-restriction.kubernetes.io/` and changes of a Node's own taints are not
 * examined yet.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = "NodeRestriction";
  readonly #pods: Pick<StorageLister<Pod>, "get">;

  constructor(pods: Pick<StorageLister<Pod>, "get">) {
    this.#pods = pods;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation !== "CONNECT";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return;
    switch (`${attributes.group}/${attributes.resource}`) {
      case "/nodes":
        this.#checkOwn(attributes, node, "modify node");
        break;
      case "/pods":
        this.#checkPod(attributes, node);
        break;
      case "/serviceaccounts":
        this.#checkToken(attributes, node);
        break;
      case "coordination.k8s.io/leases":
        if (attributes.namespace !== leaseNamespace) {
          throw refuse(attributes, `can only access leases in the "${leaseNamespace}" system namespace`);
        }
        this.#checkOwn(attributes, node, "access lease");
        break;
      case "storage.k8s.io/csinodes":
        this.#checkOwn(attributes, node, "access CSINode");
        break;
      default:
    }
  }

  #checkOwn(attributes: AdmissionAttributes, node: string, what: string): void {
    const name = attributes.name || attributes.object?.metadata.name || "";
    if (name !== node) throw refuse(attributes, `node "${node}" is not allowed to ${what} "${name}"`);
  }

  #checkPod(attributes: AdmissionAttributes, node: string): void {
    const { operation, subresource, namespace, name } = attributes;
    if (operation === "CREATE" && subresource === "") {
      const pod = attributes.object as Pod | undefined;
      if (pod?.metadata.annotations?.[mirrorAnnotation] === undefined) {
        throw refuse(
          attributes,
          `pod does not have "${mirrorAnnotation}" annotation, node "${node}" can only create mirror pods`,
        );
      }
      if (pod.spec.nodeName !== node) {
        throw refuse(attributes, `node "${node}" can only create pods with spec.nodeName set to itself`);
      }
      return;
    }
    if (operation === "UPDATE" && subresource !== "status") {
      throw refuse(attributes, `unexpected pod subresource "${subresource}", only 'status' and 'eviction' are allowed`);
    }
    const pod = this.#pods.get(namespace, name);
    if (pod && pod.spec.nodeName !== node) {
      const act =
        operation === "DELETE" ? "delete pods" : operation === "UPDATE" ? "update pod status for pods" : "evict pods";
      throw refuse(attributes, `node "${node}" can only ${act} with spec.nodeName set to itself`);
    }
  }

  /** A kubelet asks for tokens of the accounts its pods run under, bound to those pods. */
  #checkToken(attributes: AdmissionAttributes, node: string): void {
    if (attributes.subresource !== "token" || attributes.operation !== "CREATE") return;
    const request = attributes.object as unknown as TokenRequest | undefined;
    const bound = request?.spec.boundObjectRef;
    if (!bound) throw refuse(attributes, "node requested token not bound to a pod");
    if (bound.kind !== "Pod" || bound.apiVersion !== "v1") {
      throw refuse(attributes, "node requested token bound to something other than a pod");
    }
    if (!bound.uid) throw refuse(attributes, `pod not found: pod requested with a UID of {} is not found`);
    const pod = this.#pods.get(attributes.namespace, bound.name ?? "");
    if (!pod) throw refuse(attributes, `pod "${bound.name ?? ""}" not found`);
    if (pod.metadata.uid !== bound.uid) {
      throw refuse(
        attributes,
        `the UID in the bound object reference (${bound.uid}) does not match the UID in record (${pod.metadata.uid}). The object might have been deleted and then recreated`,
      );
    }
    if (pod.spec.nodeName !== node)
      throw refuse(attributes, "node requested token bound to a pod scheduled on a different node");
  }
}
