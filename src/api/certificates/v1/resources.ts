import type { ApiVersionSchema } from "../../../apimachinery/schema/resource-schema.ts";
import { ageColumn, nameColumn, statusSubresource } from "../../../apimachinery/schema/resource-schema.ts";
import { certificateSigningRequestTypes } from "./certificate-signing-request.ts";

export const certificatesV1: ApiVersionSchema = {
  group: "certificates.k8s.io",
  version: "v1",
  folder: "certificates/v1",
  goPackage: "io.k8s.api.certificates.v1",
  types: [certificateSigningRequestTypes],
  resources: [
    {
      resource: "certificatesigningrequests",
      kind: "CertificateSigningRequest",
      namespaced: false,
      shortNames: ["csr"],
      storageVersionHash: "95fRKMXA+00=",
      fieldSelectors: ["metadata.name", "spec.signerName"],
      subresources: [{ name: "approval", verbs: ["get", "patch", "update"] }, statusSubresource],
      columns: [
        nameColumn,
        ageColumn,
        { name: "SignerName", type: "string", of: "CertificateSigningRequestSpec.signerName" },
        { name: "Requestor", type: "string", description: "Who asked for the certificate." },
        { name: "RequestedDuration", type: "string", of: "CertificateSigningRequestSpec.expirationSeconds" },
        { name: "Condition", type: "string", description: "What was decided: approved, denied, issued." },
      ],
    },
  ],
};
