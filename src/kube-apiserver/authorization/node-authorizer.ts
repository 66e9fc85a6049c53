import type { Pod, Volume } from "../../api/core/v1/types.gen.ts";
import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";
import { nodeRules } from "./bootstrap-policy/cluster-roles.ts";
import { nodeNameOf } from "./node-identity.ts";
import { ruleAllows } from "./rbac-rules.ts";

/** What a kubelet reads only for the sake of its pods. */
const podDependent = new Set(["secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"]);

/**
 * What kubelets may do: the rules of `system:node`, and of Secrets, ConfigMaps, claims and tokens only what pods bound
 * to the node refer to.
 *
 * Differs from upstream: persistent volumes, volume attachments and resource claims are not followed; kubelets may read
 * all of them. Lists of pods are not narrowed to the node's own.
 *
 * Fed with pods by whoever watches them; `set` and `delete` are idempotent.
 */
export class NodeAuthorizer implements Authorizer {
  /** Node → pods bound to it, by namespace/name. */
  readonly #pods = new Map<string, Map<string, Pod>>();

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return { decision: "no-opinion" };
    if (!attributes.isResourceRequest) return { decision: "no-opinion" };
    if (!nodeRules.some((rule) => ruleAllows(rule, attributes))) return { decision: "no-opinion" };
    if (attributes.apiGroup === "" && podDependent.has(attributes.resource))
      return this.#checkReference(attributes, node);
    return { decision: "allow" };
  }

  set(pod: Pod): void {
    const node = pod.spec.nodeName;
    if (!node) return;
    let pods = this.#pods.get(node);
    if (!pods) this.#pods.set(node, (pods = new Map()));
    pods.set(`${pod.metadata.namespace}/${pod.metadata.name}`, pod);
  }

  delete(pod: Pod): void {
    const node = pod.spec.nodeName ?? "";
    const pods = this.#pods.get(node);
    pods?.delete(`${pod.metadata.namespace}/${pod.metadata.name}`);
    if (pods?.size === 0) this.#pods.delete(node);
  }

  #checkReference({ namespace, resource, name }: AuthorizationAttributes, node: string): AuthorizationResult {
    if (name === "") {
      return { decision: "no-opinion", reason: `can only read ${resource} by name, one at a time` };
    }
    for (const pod of this.#pods.get(node)?.values() ?? []) {
      if (pod.metadata.namespace === namespace && refersTo(pod, resource, name)) return { decision: "allow" };
    }
    return { decision: "no-opinion", reason: `no relationship found between node '${node}' and this object` };
  }
}

function refersTo({ spec, metadata }: Pod, resource: string, name: string): boolean {
  if (resource === "serviceaccounts") return spec.serviceAccountName === name;
  const volumes = spec.volumes ?? [];
  if (resource === "persistentvolumeclaims") {
    return volumes.some(
      (v) => v.persistentVolumeClaim?.claimName === name || (v.ephemeral && `${metadata.name}-${v.name}` === name),
    );
  }
  const isSecret = resource === "secrets";
  if (isSecret && spec.imagePullSecrets?.some((reference) => reference.name === name)) return true;
  if (volumes.some((volume) => volumeRefersTo(volume, isSecret, name))) return true;
  const containers = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
  return containers.some(
    (container) =>
      container.env?.some(
        (e) => (isSecret ? e.valueFrom?.secretKeyRef : e.valueFrom?.configMapKeyRef)?.name === name,
      ) || container.envFrom?.some((source) => (isSecret ? source.secretRef : source.configMapRef)?.name === name),
  );
}

function volumeRefersTo(volume: Volume, isSecret: boolean, name: string): boolean {
  const sources = volume.projected?.sources ?? [];
  if (!isSecret) return volume.configMap?.name === name || sources.some((source) => source.configMap?.name === name);
  return (
    volume.secret?.secretName === name ||
    volume.csi?.nodePublishSecretRef?.name === name ||
    sources.some((source) => source.secret?.name === name)
  );
}
