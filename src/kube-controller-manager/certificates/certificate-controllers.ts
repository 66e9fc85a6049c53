import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { SubjectAccessReview } from "../../api/authorization/v1/types.gen.ts";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { errorText } from "../../component-base/logger.ts";
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
// How long requests stay, decided and undecided.
const decidedMs = 3_600_000;
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
  return async (request, signal) => {
    const { spec, metadata, status } = request;
    if (spec.signerName !== kubeletClientSigner || status.certificate) return;
    if (hasCondition(request, "Approved") || hasCondition(request, "Denied")) return;
    const facts = await signer.read(pemOf(request));
    if (kubeletClientProblem(facts, spec.usages ?? []) !== undefined) return;
    const isOwn = spec.username === facts.commonName;
    const subresource = isOwn ? "selfnodeclient" : "nodeclient";
    const review = await context.client.request<SubjectAccessReview>(
      "POST",
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: {
          user: spec.username,
          uid: spec.uid,
          groups: spec.groups,
          extra: spec.extra,
          resourceAttributes: {
            group,
            resource: "certificatesigningrequests",
            verb: "create",
            subresource,
            version: "*",
          },
        },
      },
      { signal },
    );
    if (!review.status.allowed) return;
    const now = timestamp(context.clock);
    const condition = {
      type: "Approved",
      status: "True",
      reason: "AutoApproved",
      message: `Auto approving ${isOwn ? "self " : ""}kubelet client certificate after SubjectAccessReview.`,
      lastUpdateTime: now,
      lastTransitionTime: now,
    };
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
    let problem: string | undefined;
    try {
      problem = rule(await signer.read(pemOf(request)), usages, spec.username ?? "");
    } catch (error) {
      problem = `unable to parse csr: ${errorText(error)}`;
    }
    if (problem !== undefined) {
      const now = timestamp(context.clock);
      const failed = {
        type: "Failed",
        status: "True",
        reason: "SignerValidationFailure",
        message: problem,
        lastUpdateTime: now,
        lastTransitionTime: now,
      };
      await client.updateStatus(
        { ...request, status: { ...status, conditions: [...(status.conditions ?? []), failed] } },
        { signal },
      );
      return;
    }
    const asked = spec.expirationSeconds === undefined ? durationMs : spec.expirationSeconds * 1000;
    const now = context.clock.now();
    const pem = await signer.sign({
      requestPem: pemOf(request),
      signerName: spec.signerName,
      usages,
      notBeforeMs: now - backdateMs,
      notAfterMs: now + Math.min(Math.max(asked, durationMinMs), durationMs),
    });
    await client.updateStatus({ ...request, status: { ...status, certificate: btoa(pem) } }, { signal });
  };
}

function clean(context: ControllerContext): Reconcile {
  return async (request, signal) => {
    const { metadata, status } = request;
    const decided = status.conditions?.find(({ type }) => ["Approved", "Denied", "Failed"].includes(type));
    const since = parseTime(decided?.lastUpdateTime ?? metadata.creationTimestamp);
    const leftMs = since + (decided ? decidedMs : pendingMs) - context.clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    try {
      await context.client.resource(certificateSigningRequests).delete(metadata.name, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
}
