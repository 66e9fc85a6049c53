import type { TokenRequest } from "../../api/authentication/v1/types.gen.ts";
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from "../../api/core/v1/types.gen.ts";
import type { ResourceSlice } from "../../api/resource/v1/types.gen.ts";
import type { CSIDriver } from "../../api/storage/v1/types.gen.ts";
import { notFound } from "../../apimachinery/errors/new.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { apiReferenceOf } from "../../component-helpers/api-reference.ts";
import { forbiddenNodeLabels } from "../../component-helpers/node-labels.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { nodeNameOf } from "../authorization/node-identity.ts";
import { refuse } from "./refuse.ts";

const mirrorAnnotation = "kubernetes.io/config.mirror";
const leaseNamespace = "kube-node-lease";

type Getter<T> = Pick<StorageLister<T>, "get">;

export interface NodeRestrictionOptions {
  readonly pods: Getter<Pod>;
  readonly nodes: Getter<Node>;
  readonly persistentVolumeClaims: Getter<PersistentVolumeClaim>;
  readonly persistentVolumes: Getter<PersistentVolume>;
  readonly csiDrivers: Getter<CSIDriver>;
  readonly authorizer: Authorizer;
}

/**
 * Keeps a kubelet to its own node: what it writes to its Node, Lease, CSINode and ResourceSlices, the pods bound to it, the claims
 * they use and the tokens it asks for.
 *
 * Differs from upstream: the names in certificate signing requests are left to who approves and signs them.
 */
export class NodeRestriction implements AdmissionPlugin {
  readonly name = "NodeRestriction";
  readonly #options: NodeRestrictionOptions;

  constructor(options: NodeRestrictionOptions) {
    this.#options = options;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation !== "CONNECT";
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const { user, group, resource } = attributes;
    const node = nodeNameOf(user);
    if (node === undefined) return;
    if (node === "") throw refuse(attributes, `could not determine node from user ${goQuote(user.name)}`);
    switch (`${group}/${resource}`) {
      case "/nodes":
        return checkNode(attributes, node);
      case "/pods":
        return this.#checkPod(attributes, node);
      case "/persistentvolumeclaims":
        return checkClaim(attributes, node);
      case "/serviceaccounts":
        return this.#checkToken(attributes, node);
      case "coordination.k8s.io/leases":
        return checkLease(attributes, node);
      case "storage.k8s.io/csinodes":
        if (nameOf(attributes) === node) return;
        throw refuse(attributes, "can only access CSINode with the same name as the requesting node");
      case "resource.k8s.io/resourceslices":
        return checkSlice(attributes, node);
      default:
    }
  }

  #checkPod(attributes: AdmissionAttributes, node: string): void {
    const { operation, subresource, oldObject } = attributes;
    const shown = goQuote(node);
    switch (subresource) {
      case "":
        if (operation === "CREATE") return this.#checkMirror(attributes, node);
        if (operation !== "DELETE") {
          const why = `unexpected operation ${goQuote(operation)}, node ${shown} can only create and delete mirror pods`;
          throw refuse(attributes, why);
        }
        if (this.#boundPod(attributes).spec.nodeName === node) return;
        throw refuse(attributes, `node ${shown} can only delete pods with spec.nodeName set to itself`);
      case "status":
        if (operation !== "UPDATE") throw refuse(attributes, `unexpected operation ${goQuote(operation)}`);
        return checkPodStatus(attributes, node, oldObject as Pod | undefined);
      case "eviction":
        if (operation !== "CREATE") throw refuse(attributes, `unexpected operation ${operation}`);
        if (this.#boundPod(attributes).spec.nodeName === node) return;
        throw refuse(attributes, `node ${node} can only evict pods with spec.nodeName set to itself`);
      default: {
        const why = `unexpected pod subresource ${goQuote(subresource)}, only 'status' and 'eviction' are allowed`;
        throw refuse(attributes, why);
      }
    }
  }

  #boundPod(attributes: AdmissionAttributes): Pod {
    const name = nameOf(attributes);
    const pod = this.#options.pods.get(attributes.namespace, name);
    if (!pod) throw notFound({ group: "", resource: "pod" }, name);
    return pod;
  }

  /** A node makes pods only as images of its static ones: owned by it, and with access to nothing. */
  #checkMirror(attributes: AdmissionAttributes, node: string): void {
    const pod = attributes.object as Pod | undefined;
    const shown = goQuote(node);
    if (pod?.metadata.annotations?.[mirrorAnnotation] === undefined) {
      const why = `pod does not have ${goQuote(mirrorAnnotation)} annotation, node ${shown} can only create mirror pods`;
      throw refuse(attributes, why);
    }
    if (pod.spec.nodeName !== node)
      throw refuse(attributes, `node ${shown} can only create pods with spec.nodeName set to itself`);
    const [owner, ...others] = pod.metadata.ownerReferences ?? [];
    if (others.length > 0)
      throw refuse(attributes, `node ${shown} can only create pods with a single owner reference set to itself`);
    if (owner?.apiVersion !== "v1" || owner.kind !== "Node" || owner.name !== node)
      throw refuse(attributes, `node ${shown} can only create pods with an owner reference set to itself`);
    if (owner.controller !== true)
      throw refuse(attributes, `node ${shown} can only create pods with a controller owner reference set to itself`);
    if (owner.blockOwnerDeletion === true)
      throw refuse(attributes, `node ${shown} must not set blockOwnerDeletion on an owner reference`);
    const known = this.#options.nodes.get("", node);
    if (!known) throw notFound({ group: "", resource: "node" }, node);
    const { uid } = known.metadata;
    if (owner.uid !== uid) throw refuse(attributes, `node ${node} UID mismatch: expected ${owner.uid} got ${uid}`);
    const reference = apiReferenceOf(pod);
    if (reference !== undefined)
      throw refuse(attributes, `node ${shown} can not create pods that reference ${reference}`);
  }

  /** A kubelet asks for tokens of the accounts its pods run under, bound to those pods and for whom these want them. */
  async #checkToken(attributes: AdmissionAttributes, node: string): Promise<void> {
    if (attributes.subresource !== "token" || attributes.operation !== "CREATE") return;
    const request = attributes.object as unknown as TokenRequest | undefined;
    const { apiVersion, kind, name, uid } = request?.spec.boundObjectRef ?? {};
    if (apiVersion !== "v1" || kind !== "Pod" || !name)
      throw refuse(attributes, "node requested token not bound to a pod");
    if (!uid) throw refuse(attributes, "node requested token with a pod binding without a uid");
    const pod = this.#options.pods.get(attributes.namespace, name);
    if (!pod) throw notFound({ group: "", resource: "pod" }, name);
    if (pod.metadata.uid !== uid) {
      const why = `the UID in the bound object reference (${uid}) does not match the UID in record.`;
      throw refuse(attributes, `${why} The object might have been deleted and then recreated`);
    }
    if (pod.spec.nodeName !== node)
      throw refuse(attributes, "node requested token bound to a pod scheduled on a different node");
    const [audience = "", ...others] = request?.spec.audiences ?? [];
    if (others.length > 0) throw refuse(attributes, "node may only request 0 or 1 audiences");
    if (this.#wants(pod, audience) || (await this.#mayAskFor(attributes, audience))) return;
    const who = attributes.user.name;
    throw refuse(
      attributes,
      `audience ${goQuote(audience)} not found in pod spec volume, ${who} is not authorized to request tokens for this audience`,
    );
  }

  /** Whether a volume of the pod is to hold a token for that audience, by itself or because its driver needs one. */
  #wants(pod: Pod, audience: string): boolean {
    return (pod.spec.volumes ?? []).some((volume) => {
      const projected = volume.projected?.sources ?? [];
      if (projected.some((s) => s.serviceAccountToken && (s.serviceAccountToken.audience ?? "") === audience))
        return true;
      const claim =
        volume.persistentVolumeClaim?.claimName ??
        (volume.ephemeral ? `${pod.metadata.name}-${volume.name}` : undefined);
      const driver = claim === undefined ? volume.csi?.driver : this.#driverOf(pod.metadata.namespace, claim);
      const requests = driver ? this.#options.csiDrivers.get("", driver)?.spec.tokenRequests : undefined;
      return requests?.some((each) => each.audience === audience) === true;
    });
  }

  #driverOf(namespace: string, claimName: string): string | undefined {
    const { persistentVolumeClaims, persistentVolumes } = this.#options;
    const volume = persistentVolumeClaims.get(namespace, claimName)?.spec.volumeName;
    return volume ? persistentVolumes.get("", volume)?.spec.csi?.driver : undefined;
  }

  async #mayAskFor({ user, namespace, name }: AdmissionAttributes, audience: string): Promise<boolean> {
    const { decision } = await this.#options.authorizer.authorize({
      user,
      verb: "request-serviceaccounts-token-audience",
      isResourceRequest: true,
      namespace,
      apiGroup: "",
      apiVersion: "v1",
      resource: audience,
      subresource: "",
      name,
      path: "",
    });
    return decision === "allow";
  }
}

function nameOf({ name, object }: AdmissionAttributes): string {
  return name || object?.metadata.name || "";
}

function checkNode(attributes: AdmissionAttributes, node: string): void {
  const { operation } = attributes;
  const name = nameOf(attributes);
  const shown = goQuote(node);
  if (name !== node) throw refuse(attributes, `node ${shown} is not allowed to modify node ${goQuote(name)}`);
  const now = attributes.object as Node | undefined;
  const old = attributes.oldObject as Node | undefined;
  if (!now) return;
  if (operation === "CREATE" && now.spec?.configSource)
    throw refuse(attributes, `node ${shown} is not allowed to create pods with a non-nil configSource`);
  const labels = forbiddenNodeLabels(now.metadata.labels, old?.metadata.labels).join(", ");
  if (operation === "CREATE" && labels !== "")
    throw refuse(attributes, `node ${shown} is not allowed to set the following labels: ${labels}`);
  if (operation !== "UPDATE" || !old) return;
  if (now.spec?.configSource && !semanticEqual(now.spec.configSource, old.spec?.configSource))
    throw refuse(attributes, `node ${shown} is not allowed to update configSource to a new non-nil configSource`);
  // Without its taints it would draw pods to itself that are not for it.
  if (!semanticEqual(now.spec?.taints, old.spec?.taints))
    throw refuse(attributes, `node ${shown} is not allowed to modify taints`);
  if (!semanticEqual(now.metadata.ownerReferences, old.metadata.ownerReferences))
    throw refuse(attributes, `node ${shown} is not allowed to modify ownerReferences`);
  if (labels !== "") throw refuse(attributes, `is not allowed to modify labels: ${labels}`);
}

function checkPodStatus(attributes: AdmissionAttributes, node: string, old: Pod | undefined): void {
  const now = attributes.object as Pod | undefined;
  const shown = goQuote(node);
  if (old?.spec.nodeName !== node)
    throw refuse(attributes, `node ${shown} can only update pod status for pods with spec.nodeName set to itself`);
  if (!semanticEqual(now?.metadata.labels, old.metadata.labels))
    throw refuse(attributes, `node ${shown} cannot update labels through pod status`);
  // What claims a pod has decides what its node may read.
  if (!semanticEqual(now?.status.resourceClaimStatuses, old.status.resourceClaimStatuses))
    throw refuse(attributes, `node ${shown} cannot update resource claim statues`);
  if (!semanticEqual(now?.status.extendedResourceClaimStatus, old.status.extendedResourceClaimStatus))
    throw refuse(attributes, `node ${shown} cannot update extended resource claim status`);
}

function checkClaim(attributes: AdmissionAttributes, node: string): void {
  const { operation, subresource, object, oldObject } = attributes;
  if (subresource !== "status") throw refuse(attributes, "may only update PVC status");
  if (operation !== "UPDATE") throw refuse(attributes, `unexpected operation ${goQuote(operation)}`);
  const compared = (claim: PersistentVolumeClaim): unknown => {
    const { resourceVersion: _version, managedFields: _fields, ...metadata } = claim.metadata;
    const { capacity: _capacity, conditions: _conditions, ...status } = claim.status;
    const { allocatedResources: _resources, allocatedResourceStatuses: _statuses, ...others } = status;
    return { ...claim, metadata, status: others };
  };
  const [now, old] = [object, oldObject] as unknown as readonly PersistentVolumeClaim[];
  if (now && old && semanticEqual(compared(now), compared(old))) return;
  const why = "is not allowed to update fields other than status.quantity and status.conditions";
  throw refuse(attributes, `node ${goQuote(node)} ${why}`);
}

function checkLease(attributes: AdmissionAttributes, node: string): void {
  if (attributes.namespace !== leaseNamespace)
    throw refuse(attributes, `can only access leases in the ${goQuote(leaseNamespace)} system namespace`);
  if (nameOf(attributes) !== node)
    throw refuse(attributes, "can only access node lease with the same name as the requesting node");
}

function checkSlice(attributes: AdmissionAttributes, node: string): void {
  const { operation, object, oldObject } = attributes;
  const slice = (operation === "CREATE" ? object : oldObject) as unknown as ResourceSlice | undefined;
  // The rest is the authorizer's, which knows the objects that are there.
  if ((operation !== "CREATE" && operation !== "DELETE") || slice?.spec.nodeName === node) return;
  const act = operation === "CREATE" ? "create" : "delete";
  throw refuse(attributes, `can only ${act} ResourceSlice with the same NodeName as the requesting node`);
}
