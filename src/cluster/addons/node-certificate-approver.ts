import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { Node } from "../../api/core/v1/types.gen.ts";
import { certificateSigningRequests, nodes } from "../../api/resources.gen.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { timestamp } from "../../component-helpers/time.ts";
import type { ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import type {
  CertificateRequestFacts,
  CertificateSigner,
} from "../../kube-controller-manager/certificates/certificate-signer.ts";
import { kubeletServingSigner } from "../../kube-controller-manager/certificates/signer-rules.ts";
import { nodeNetworkUser } from "../identities.ts";

const group = "certificates.k8s.io";
const clientSigner = "kubernetes.io/kube-apiserver-client";
const nodePrefix = "system:node:";
/** Who kube-proxy and the rest of a node's network are towards the API server. */
const networkUsers: ReadonlySet<string> = new Set(["system:kube-proxy", nodeNetworkUser]);

/**
 * Approves two kinds of requests that upstream leaves to the administrator: a kubelet's serving certificate for its own
 * name and the addresses its Node has, and a node's client certificates for its network. Both only for the node that asks.
 */
export function nodeCertificateApprover(signer: Pick<CertificateSigner, "read">): ControllerDescriptor {
  const name = "node-certificate-approver";
  return {
    name,
    serviceAccount: name,
    rules: [
      { apiGroups: [group], resources: ["certificatesigningrequests"], verbs: ["get", "list", "watch"] },
      { apiGroups: [group], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
      {
        apiGroups: [group],
        resources: ["signers"],
        resourceNames: [kubeletServingSigner, clientSigner],
        verbs: ["approve"],
      },
      { apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] },
    ],
    create(context) {
      const informer = context.informers.for(certificateSigningRequests);
      const nodeInformer = context.informers.for(nodes);
      const controller = new ReconcileController({
        ...context,
        name,
        workers: 1,
        reconcile: async (key, signal) => {
          const request = informer.lister.getByKey(key);
          const nodeName = request && undecidedFrom(request);
          if (!request || nodeName === undefined) return;
          const facts = await signer.read(utf8Decode(base64Decode(request.spec.request))).catch(() => undefined);
          if (!facts) return;
          if (request.spec.signerName === clientSigner) {
            if (!isNetworkClient(request, facts)) return;
          } else {
            const node = nodeInformer.lister.getByKey(nodeName);
            if (!node || !isServerOf(node, request, facts)) return;
          }
          const now = timestamp(context.clock);
          const condition = {
            type: "Approved",
            status: "True",
            reason: "AutoApproved",
            message: "The node asks for a certificate of its own.",
            lastUpdateTime: now,
            lastTransitionTime: now,
          };
          const status = { ...request.status, conditions: [...(request.status.conditions ?? []), condition] };
          await context.client
            .resource(certificateSigningRequests)
            .updateSubresource(request.metadata.name, "approval", { ...request, status }, { signal });
        },
      });
      controller.watch(informer);
      // A node asks while it registers: its request may come before its addresses.
      controller.watch(
        nodeInformer,
        ({ metadata }) =>
          informer.lister
            .list()
            .filter((request) => undecidedFrom(request) === metadata.name)
            .map((request) => request.metadata.name),
        (before, after) => JSON.stringify(before.status.addresses) !== JSON.stringify(after.status.addresses),
      );
      return controller;
    },
  };
}

/** The node that asks, when the request waits for a decision of ours. */
function undecidedFrom({ spec, status }: CertificateSigningRequest): string | undefined {
  if (spec.signerName !== kubeletServingSigner && spec.signerName !== clientSigner) return undefined;
  if (status.certificate || status.conditions?.some((c) => c.type === "Approved" || c.type === "Denied"))
    return undefined;
  const username = spec.username ?? "";
  return username.startsWith(nodePrefix) && spec.groups?.includes("system:nodes")
    ? username.slice(nodePrefix.length)
    : undefined;
}

/** Whether it is for kube-proxy or the node's network, and for nothing else. What is left are the signer's own rules. */
export function isNetworkClient(request: CertificateSigningRequest, facts: CertificateRequestFacts): boolean {
  const names = [
    ...facts.organizations,
    ...facts.dnsNames,
    ...facts.ipAddresses,
    ...facts.emailAddresses,
    ...facts.uris,
  ];
  return networkUsers.has(facts.commonName) && names.length === 0 && isOnly(request, "client auth");
}

/** Whether it is for the server of the node that asks, by names and addresses that its Node has. */
export function isServerOf(node: Node, request: CertificateSigningRequest, facts: CertificateRequestFacts): boolean {
  const own = new Set([node.metadata.name, ...(node.status.addresses ?? []).map(({ address }) => address)]);
  return (
    facts.commonName === request.spec.username &&
    facts.emailAddresses.length + facts.uris.length === 0 &&
    [...facts.dnsNames, ...facts.ipAddresses].every((name) => own.has(name)) &&
    isOnly(request, "server auth")
  );
}

function isOnly({ spec }: CertificateSigningRequest, purpose: string): boolean {
  return (spec.usages ?? []).every((usage) => usage === purpose || usage === "digital signature");
}
