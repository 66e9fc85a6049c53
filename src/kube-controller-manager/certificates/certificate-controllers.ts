import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { SubjectAccessReview } from "../../api/authorization/v1/types.gen.ts";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { parseTime, timestamp } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import type { CertificateSigner } from "./certificate-signer.ts";
import { kubeletClientProblem, kubeletClientSigner, signerRules } from "./signer-rules.ts";

const group = "certificates.k8s.io";
// Upstream's --cluster-signing-duration and the clock difference it allows for.
const durationMs = 365 * 24 * 3_600_000;
const durationMinMs = 600_000;
const backdateMs = 300_000;
// The end of a certificate for less than this is not moved by the difference.
const shortMs = 8 * 3_600_000;
// How long requests stay, done with and not.
const doneMs = 3_600_000;
const pendingMs = 24 * 3_600_000;

type Request = CertificateSigningRequest;
type Reconcile = (request: Request, signal: AbortSignal) => Promise<ReconcileResult | void>;

/** Approves kubelets' client certificates, signs what is approved, and removes old requests. */
export function certificateControllers(signer: CertificateSigner): readonly ControllerDescriptor[] {
  return [
    descriptor("certificatesigningrequest-approving-controller", (context) => approve(context, signer)),
    descriptor("certificatesigningrequest-signing-controller", (context) => sign(context, signer)),
    descriptor("certificatesigningrequest-cleaner-controller", clean),
  ];
}

function descriptor(name: string, reconcileWith: (context: ControllerContext) => Reconcile): ControllerDescriptor {
  return {
    name,
    serviceAccount: "certificate-controller",
    rules: [
      { verbs: ["delete", "get", "list", "watch"], apiGroups: [group], resources: ["certificatesigningrequests"] },
      {
        verbs: ["update"],
        apiGroups: [group],
        resources: ["certificatesigningrequests/status", "certificatesigningrequests/approval"],
      },
      { verbs: ["approve"], apiGroups: [group], resources: ["signers"], resourceNames: [kubeletClientSigner] },
      { verbs: ["sign"], apiGroups: [group], resources: ["signers"], resourceNames: Object.keys(signerRules) },
      { verbs: ["create"], apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"] },
      { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
    ],
    create(context) {
      const informer = context.informers.for(certificateSigningRequests);
      const reconcile = reconcileWith(context);
      const controller = new ReconcileController({
        ...context,
        name,
        reconcile: async (key, signal) => {
          const request = informer.lister.getByKey(key);
          if (request) return reconcile(request, signal);
        },
      });
      controller.watch(informer);
      return controller;
    },
  };
}

function hasCondition({ status }: Request, type: string): boolean {
  return status.conditions?.some((condition) => condition.type === type) ?? false;
}

function pemOf({ spec }: Request): string {
  return utf8Decode(base64Decode(spec.request));
}

function approve(context: ControllerContext, signer: CertificateSigner): Reconcile {
  const isAllowed = async ({ spec }: Request, subresource: string, signal: AbortSignal): Promise<boolean> => {
    const { username: user, uid, groups, extra } = spec;
    const resourceAttributes = {
      group,
      resource: "certificatesigningrequests",
      verb: "create",
      subresource,
      version: "*",
    };
    const review = await context.client.request<SubjectAccessReview>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { user, uid, groups, extra, resourceAttributes },
      },
      { signal },
    );
    return review.status.allowed;
  };
  return async (request, signal) => {
    const { spec, metadata, status } = request;
    if (spec.signerName !== kubeletClientSigner || status.certificate) return;
    if (hasCondition(request, "Approved") || hasCondition(request, "Denied")) return;
    const facts = await signer.read(pemOf(request));
    if (kubeletClientProblem(facts, spec.usages ?? []) !== undefined) return;
    const isOwn = spec.username === facts.commonName;
    const tried = isOwn ? ["selfnodeclient", "nodeclient"] : ["nodeclient"];
    let allowed: string | undefined;
    for (const subresource of tried)
      if (allowed === undefined && (await isAllowed(request, subresource, signal))) allowed = subresource;
    if (allowed === undefined) {
      // The roles may change: the key comes back after its back-off.
      const text = `recognized csr "${metadata.name}" as [${tried.join(" ")}] but subject access review was not approved`;
      throw new Error(text);
    }
    const what = allowed === "selfnodeclient" ? "self kubelet" : "kubelet";
    const message = `Auto approving ${what} client certificate after SubjectAccessReview.`;
    const condition = conditionOf(context, "Approved", "AutoApproved", message);
    const approved = { ...request, status: { ...status, conditions: [...(status.conditions ?? []), condition] } };
    await context.client
      .resource(certificateSigningRequests)
      .updateSubresource(metadata.name, "approval", approved, { signal });
  };
}

function sign(context: ControllerContext, signer: CertificateSigner): Reconcile {
  return async (request, signal) => {
    const { spec, status } = request;
    const rule = signerRules[spec.signerName];
    if (!rule || status.certificate || !hasCondition(request, "Approved")) return;
    if (hasCondition(request, "Denied") || hasCondition(request, "Failed")) return;
    const client = context.client.resource(certificateSigningRequests);
    const usages = spec.usages ?? [];
    const requestPem = pemOf(request);
    const problem = rule(await signer.read(requestPem), usages);
    if (problem !== undefined) {
      const failed = conditionOf(context, "Failed", "SignerValidationFailure", problem);
      const conditions = [...(status.conditions ?? []), failed];
      await client.updateStatus({ ...request, status: { ...status, conditions } }, { signal });
      return;
    }
    const asked = spec.expirationSeconds === undefined ? durationMs : spec.expirationSeconds * 1000;
    const lifetimeMs = Math.min(Math.max(asked, durationMinMs), durationMs);
    const now = context.clock.now();
    const pem = await signer.sign({
      requestPem,
      signerName: spec.signerName,
      usages,
      notBeforeMs: now - backdateMs,
      notAfterMs: now + lifetimeMs - (lifetimeMs < shortMs ? 0 : backdateMs),
    });
    await client.updateStatus({ ...request, status: { ...status, certificate: btoa(pem) } }, { signal });
  };
}

function conditionOf(context: ControllerContext, type: string, reason: string, message: string) {
  const now = timestamp(context.clock);
  return { type, status: "True", reason, message, lastUpdateTime: now, lastTransitionTime: now };
}

function clean(context: ControllerContext): Reconcile {
  return async (request, signal) => {
    const { metadata, status } = request;
    const ended = status.conditions?.find(({ type }) => type === "Denied" || type === "Failed");
    const decided = ended ?? status.conditions?.find(({ type }) => type === "Approved");
    const since = parseTime(decided?.lastUpdateTime ?? metadata.creationTimestamp);
    // What is approved waits for its signer as long as what is not decided.
    const isDone = ended !== undefined || Boolean(status.certificate);
    const leftMs = since + (isDone ? doneMs : pendingMs) - context.clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    try {
      await context.client.resource(certificateSigningRequests).delete(metadata.name, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
}
