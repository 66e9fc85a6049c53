import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "../testing/test-cluster.ts";

test("approving needs the verb on the signer, not on the request alone", async () => {
  await using api = await TestApiServer.start();
  const root = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  const created = await api.request("POST", root, {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r" },
    spec: {
      request: btoa("-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n"),
      signerName: "example.com/s",
      usages: ["client auth"],
    },
  });
  assert.equal(created.status, 201, created.text);
  const rbac = { apiGroup: "rbac.authorization.k8s.io" };
  await api.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRole",
    metadata: { name: "half" },
    rules: [
      { apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests/approval"], verbs: ["update"] },
    ],
  });
  await api.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name: "half" },
    roleRef: { ...rbac, kind: "ClusterRole", name: "half" },
    subjects: [{ ...rbac, kind: "User", name: "jane" }],
  });
  const condition = { type: "Approved", status: "True", reason: "x", message: "y" };
  const approved = { ...created.json<object>(), status: { conditions: [condition] } };
  const jane = await api.request("PUT", `${root}/r/approval`, approved, {
    as: { commonName: "jane", organizations: [] },
  });
  assert.equal(
    jane.message,
    'certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "example.com/s"',
  );
  assert.equal((await api.request("PUT", `${root}/r/approval`, approved)).status, 200);
});
