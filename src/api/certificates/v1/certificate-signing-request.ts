import type { TypeSchemas } from "../../../apimachinery/schema/type-schema.ts";

export const certificateSigningRequestTypes: TypeSchemas = {
  CertificateSigningRequest: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ObjectMeta", pb: 1 },
      spec: { type: "CertificateSigningRequestSpec", pb: 2, required: true },
      status: { type: "CertificateSigningRequestStatus", pb: 3 },
    },
  },
  CertificateSigningRequestSpec: {
    fields: {
      request: { type: "bytes", pb: 1, required: true },
      signerName: { type: "string", pb: 7, required: true },
      expirationSeconds: { type: "*int32", pb: 8 },
      usages: { type: "[]KeyUsage", pb: 5, listType: "atomic" },
      username: { type: "string", pb: 2 },
      uid: { type: "string", pb: 3 },
      groups: { type: "[]string", pb: 4, listType: "atomic" },
      extra: { type: "map[string][]string", pb: 6, pbNullable: true },
    },
  },
  KeyUsage: {
    values: [
      "any",
      "cert sign",
      "client auth",
      "code signing",
      "content commitment",
      "crl sign",
      "data encipherment",
      "decipher only",
      "digital signature",
      "email protection",
      "encipher only",
      "ipsec end system",
      "ipsec tunnel",
      "ipsec user",
      "key agreement",
      "key encipherment",
      "microsoft sgc",
      "netscape sgc",
      "ocsp signing",
      "s/mime",
      "server auth",
      "signing",
      "timestamping",
    ],
  },
  CertificateSigningRequestStatus: {
    fields: {
      conditions: { type: "[]CertificateSigningRequestCondition", pb: 1, listType: "map", listMapKeys: ["type"] },
      certificate: { type: "bytes", pb: 2 },
    },
  },
  CertificateSigningRequestCondition: {
    fields: {
      type: { type: "RequestConditionType", pb: 1, required: true },
      status: { type: "core/v1.ConditionStatus", pb: 6, required: true },
      reason: { type: "string", pb: 2 },
      message: { type: "string", pb: 3 },
      lastUpdateTime: { type: "Time", pb: 4 },
      lastTransitionTime: { type: "Time", pb: 5 },
    },
  },
  RequestConditionType: { known: ["Approved", "Denied", "Failed"] },
  CertificateSigningRequestList: {
    typeMeta: true,
    fields: {
      metadata: { type: "meta/v1.ListMeta", pb: 1 },
      items: { type: "[]CertificateSigningRequest", pb: 2, required: true },
    },
  },
};
