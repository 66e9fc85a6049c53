import { goQuote } from "../../apimachinery/go-format.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";
import { nodeRules } from "./bootstrap-policy/cluster-roles.ts";
import { nodeNameOf } from "./node-identity.ts";
import { IngressSecrets, NodeObjects } from "./node-objects.ts";
import { ruleAllows } from "./rbac-rules.ts";

const leaseNamespace = "kube-node-lease";

/** Undefined allows; a text refuses, with its reason or "". */
type Answer = string | undefined;

type Question = AuthorizationAttributes & { readonly node: string; readonly objects: NodeObjects };

/** What is narrower than the rules of `system:node`, by `resource` or `group/resource`. */
const answers: Readonly<Record<string, (question: Question) => Answer>> = {
  nodes: aboutNodes,
  pods: aboutPods,
  secrets: readNamespaced,
  configmaps: readNamespaced,
  serviceaccounts: aboutServiceAccounts,
  persistentvolumeclaims: (question) => (question.subresource === "status" ? updateStatus(question) : getOne(question)),
  persistentvolumes: getOne,
  "resource.k8s.io/resourceclaims": getOne,
  "resource.k8s.io/resourceslices": aboutResourceSlices,
  "storage.k8s.io/volumeattachments": getOne,
  "storage.k8s.io/csinodes": aboutCsiNodes,
  "coordination.k8s.io/leases": aboutLeases,
};

/**
 * What kubelets may do: the rules of `system:node`, of Nodes only to read their own, of pods those bound to them, and what these
 * pods need. What a node writes is narrowed by the admission plugin NodeRestriction, which sees the objects.
 *
 * Differs from upstream: Secrets that Ingresses name for TLS may be read by every node, because every node serves them.
 *
 * Fed with objects by whoever watches them.
 */
export class NodeAuthorizer implements Authorizer {
  readonly #objects = new NodeObjects();
  readonly pods = this.#objects.pods;
  readonly persistentVolumes = this.#objects.persistentVolumes;
  readonly volumeAttachments = this.#objects.volumeAttachments;
  readonly resourceSlices = this.#objects.resourceSlices;
  /** The certificates nodes present to clients. */
  readonly ingresses = new IngressSecrets();

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return { decision: "no-opinion" };
    const reason = this.#refusal(node, attributes);
    return reason === undefined ? { decision: "allow" } : { decision: "no-opinion", reason };
  }

  rulesProblem(user: UserInfo): string | undefined {
    return nodeNameOf(user) === undefined ? undefined : "node authorizer does not support user rule resolution";
  }

  #refusal(node: string, attributes: AuthorizationAttributes): Answer {
    if (node === "") return `unknown node for user ${goQuote(attributes.user.name)}`;
    const { isResourceRequest, apiGroup, resource, namespace, name } = attributes;
    const kind = apiGroup === "" ? resource : `${apiGroup}/${resource}`;
    const narrowed = isResourceRequest && Object.hasOwn(answers, kind) ? answers[kind] : undefined;
    if (!narrowed) return nodeRules.some((rule) => ruleAllows(rule, attributes)) ? undefined : "";
    const reason = narrowed({ ...attributes, node, objects: this.#objects });
    const isCertificate = kind === "secrets" && isRead(attributes) && this.ingresses.has(namespace, name);
    return isCertificate ? undefined : reason;
  }
}

function isRead({ verb, subresource }: AuthorizationAttributes): boolean {
  return subresource === "" && (verb === "get" || verb === "list" || verb === "watch");
}

function aboutNodes({ verb, subresource, name, node }: Question): Answer {
  switch (`${verb} ${subresource}`) {
    case "create ":
    case "update ":
    case "patch ":
    case "update status":
    case "patch status":
      return undefined;
    case "get ":
    case "list ":
    case "watch ":
      // By name alone: a kubelet looks for its Node before there is one.
      if (name === node) return undefined;
      return name === ""
        ? `node '${node}' cannot read all nodes, only its own Node object`
        : `node '${node}' cannot read '${name}', only its own Node object`;
    default:
      return "";
  }
}

function aboutPods(question: Question): Answer {
  const { verb, subresource, name } = question;
  switch (`${verb} ${subresource}`) {
    // Mirror pods.
    case "create ":
    case "delete ":
    case "update status":
    case "patch status":
    case "create eviction":
      return undefined;
    case "get ":
      return related(question);
    case "list ":
    case "watch ":
      if (selects(question, "spec.nodeName")) return undefined;
      return name === "" ? "can only list/watch pods with spec.nodeName field selector" : related(question);
    default:
      return "";
  }
}

function readNamespaced(question: Question): Answer {
  const { verb, subresource, namespace } = question;
  if (verb !== "get" && verb !== "list" && verb !== "watch") return "can only read resources of this type";
  if (subresource !== "") return "cannot read subresource";
  if (namespace === "") return "can only read namespaced object of this type";
  return related(question);
}

function getOne(question: Question): Answer {
  if (question.verb !== "get") return "can only get individual resources of this type";
  return question.subresource === "" ? related(question) : "cannot get subresource";
}

function updateStatus(question: Question): Answer {
  if (question.verb !== "update" && question.verb !== "patch") return "can only get/update/patch this type";
  return related(question);
}

function aboutServiceAccounts(question: Question): Answer {
  const { verb, subresource, name } = question;
  if (verb === "get" && subresource === "") return readNamespaced(question);
  if (verb !== "create" || name === "") return "can only create tokens for individual service accounts";
  return subresource === "token" ? related(question) : "can only create token subresource of serviceaccount";
}

const ownVerbs: ReadonlySet<string> = new Set(["get", "create", "update", "patch", "delete"]);

function aboutLeases({ verb, namespace, name, node }: Question): Answer {
  if (!ownVerbs.has(verb)) return "can only get, create, update, patch, or delete a node lease";
  if (namespace !== leaseNamespace) return `can only access leases in the "${leaseNamespace}" system namespace`;
  // The name of what is created is NodeRestriction's to see.
  if (verb === "create" || name === node) return undefined;
  return "can only access node lease with the same name as the requesting node";
}

function aboutCsiNodes({ verb, subresource, name, node }: Question): Answer {
  if (!ownVerbs.has(verb)) return "can only get, create, update, patch, or delete a CSINode";
  if (subresource !== "") return "cannot authorize CSINode subresources";
  if (verb === "create" || name === node) return undefined;
  return "can only access CSINode with the same name as the requesting node";
}

function aboutResourceSlices(question: Question): Answer {
  if (question.subresource !== "") return "cannot authorize ResourceSlice subresources";
  switch (question.verb) {
    case "create":
      return undefined;
    case "get":
    case "update":
    case "patch":
    case "delete":
      return related(question);
    case "watch":
    case "list":
    case "deletecollection":
      return selects(question, "spec.nodeName")
        ? undefined
        : "can only list/watch/deletecollection resourceslices with nodeName field selector";
    default:
      return "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection";
  }
}

/** Whether only objects are asked for whose field is the node's name. */
function selects({ fieldSelector, node }: Question, name: string): boolean {
  return (
    fieldSelector?.some(({ field, operator, value }) => field === name && operator === "=" && value === node) === true
  );
}

function related({ node, objects, resource, namespace, name }: Question): Answer {
  if (name === "") return "No Object name found";
  if (objects.has(node, resource, namespace, name)) return undefined;
  return `no relationship found between node '${node}' and this object`;
}
