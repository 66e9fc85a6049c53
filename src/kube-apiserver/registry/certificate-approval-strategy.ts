import type { Mutable } from "../../apimachinery/resource-type.ts";
import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { SubresourceStrategy } from "../../apiserver/registry/rest/strategy.ts";

const decisions = new Set(["Approved", "Denied"]);

/** certificatesigningrequests/approval: says yes or no, and nothing else. */
export const approvalStrategy: SubresourceStrategy<CertificateSigningRequest> = {
  prepareForUpdate(object: Mutable<CertificateSigningRequest>, old: Mutable<CertificateSigningRequest>): void {
    object.spec = old.spec;
    const kept = (old.status.conditions ?? []).filter((condition) => !decisions.has(condition.type));
    const decided = (object.status.conditions ?? []).filter((condition) => decisions.has(condition.type));
    object.status = { ...old.status, conditions: [...kept, ...decided] };
  },
};
