import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { Ingress } from "../../api/networking/v1/types.gen.ts";
import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";
import { nodeRules } from "./bootstrap-policy/cluster-roles.ts";
import { nodeNameOf } from "./node-identity.ts";
import { podReferences } from "./pod-references.ts";
import { ruleAllows } from "./rbac-rules.ts";

/** What a kubelet reads only for the sake of its pods. */
const podDependent = new Set(["secrets", "configmaps", "persistentvolumeclaims", "serviceaccounts"]);

/**
 * What kubelets may do: the rules of `system:node`, and of Secrets, ConfigMaps, claims and tokens only what pods bound
 * to the node refer to. Keeps names, not pods.
 *
 * Differs from upstream: persistent volumes, volume attachments and resource claims are not followed; kubelets may read
 * all of them. Lists of pods are not narrowed to the node's own. Secrets that Ingresses name for TLS may be read by every
 * node, because every node serves them.
 *
 * Fed with pods and Ingresses by whoever watches them; `set` and `delete` are idempotent.
 */
export class NodeAuthorizer implements Authorizer {
  /** Pod → its node and what it refers to. */
  readonly #pods = new Map<string, { readonly node: string; readonly references: readonly string[] }>();
  /** Node → reference → pods that make it. */
  readonly #counts = new Map<string, Map<string, number>>();
  /** The certificates nodes present to clients. */
  readonly ingresses = new IngressSecrets();

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined || !attributes.isResourceRequest) return { decision: "no-opinion" };
    if (!nodeRules.some((rule) => ruleAllows(rule, attributes))) return { decision: "no-opinion" };
    const { apiGroup, resource, namespace, name } = attributes;
    if (apiGroup !== "" || !podDependent.has(resource)) return { decision: "allow" };
    if (name === "") {
      return { decision: "no-opinion", reason: `can only read ${resource} by name, one at a time` };
    }
    if (this.#counts.get(node)?.has(`${resource}/${namespace}/${name}`)) return { decision: "allow" };
    if (resource === "secrets" && this.ingresses.has(namespace, name)) return { decision: "allow" };
    return { decision: "no-opinion", reason: `no relationship found between node '${node}' and this object` };
  }

  set(pod: Pod): void {
    this.delete(pod);
    const node = pod.spec.nodeName;
    if (!node) return;
    const { namespace, name } = pod.metadata;
    const references = [...podReferences(pod)].map(([resource, name]) => `${resource}/${namespace}/${name}`);
    this.#pods.set(`${namespace}/${name}`, { node, references });
    let counts = this.#counts.get(node);
    if (!counts) this.#counts.set(node, (counts = new Map()));
    for (const reference of references) counts.set(reference, (counts.get(reference) ?? 0) + 1);
  }

  delete(pod: Pod): void {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const known = this.#pods.get(key);
    if (!known) return;
    this.#pods.delete(key);
    const counts = this.#counts.get(known.node);
    for (const reference of known.references) {
      const left = (counts?.get(reference) ?? 1) - 1;
      if (left > 0) counts?.set(reference, left);
      else counts?.delete(reference);
    }
    if (counts?.size === 0) this.#counts.delete(known.node);
  }
}

/** The Secrets Ingresses name, with how many do. */
class IngressSecrets {
  readonly #ingresses = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  has(namespace: string, name: string): boolean {
    return this.#counts.has(`${namespace}/${name}`);
  }

  set(ingress: Ingress): void {
    this.delete(ingress);
    const { namespace, name } = ingress.metadata;
    const secrets = (ingress.spec.tls ?? []).flatMap(({ secretName }) =>
      secretName ? [`${namespace}/${secretName}`] : [],
    );
    if (secrets.length === 0) return;
    this.#ingresses.set(`${namespace}/${name}`, secrets);
    for (const secret of secrets) this.#counts.set(secret, (this.#counts.get(secret) ?? 0) + 1);
  }

  delete({ metadata }: Ingress): void {
    const key = `${metadata.namespace}/${metadata.name}`;
    for (const secret of this.#ingresses.get(key) ?? []) {
      const left = (this.#counts.get(secret) ?? 1) - 1;
      if (left > 0) this.#counts.set(secret, left);
      else this.#counts.delete(secret);
    }
    this.#ingresses.delete(key);
  }
}
