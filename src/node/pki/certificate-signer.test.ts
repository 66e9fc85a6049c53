import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import { certificateControllers } from "../../kube-controller-manager/certificates/certificate-controllers.ts";
import { AuthorityCertificateSigner } from "./certificate-signer.ts";
import { createCertificateAuthority, signingAlgorithm, x509 } from "./certificates.ts";

async function requestFor(name: string): Promise<string> {
  const lib = await x509();
  const keys = await crypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const request = await lib.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm });
  return request.toString("pem");
}

test("an approved request is signed for its subject and purposes; one its signer does not sign fails", async () => {
  const authority = await createCertificateAuthority("clients", 3650, 0);
  const signer = new AuthorityCertificateSigner({
    clientCa: authority,
    servingCa: await createCertificateAuthority("servers", 3650, 0),
  });
  await using h = await startControllers(certificateControllers(signer));
  const requests = h.client.resource(certificateSigningRequests);
  const usages = ["client auth", "digital signature"] as const;
  const create = async (name: string, subject: string, signerName: string): Promise<void> => {
    const spec = { request: btoa(await requestFor(subject)), signerName, usages, username: "jane" };
    await requests.create({
      metadata: { name },
      spec,
      status: {
        conditions: [{ type: "Approved", status: "True", lastUpdateTime: new Date(h.clock.now()).toISOString() }],
      },
    });
  };
  await create("good", "CN=jane,O=dev", "kubernetes.io/kube-apiserver-client");
  await create("bad", "CN=jane", "kubernetes.io/kube-apiserver-client-kubelet");
  for (let i = 0; i < 200; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    await h.settle();
    if ((await requests.get("good")).status.certificate && (await requests.get("bad")).status.conditions?.[1]) break;
  }
  const { certificate = "" } = (await requests.get("good")).status;
  const parsed = new X509Certificate(atob(certificate));
  assert.equal(parsed.subject, "CN=jane\nO=dev");
  assert.ok(parsed.verify(new X509Certificate(authority.cert).publicKey));
  assert.deepEqual(parsed.keyUsage, ["1.3.6.1.5.5.7.3.2"]);
  const failed = (await requests.get("bad")).status.conditions?.[1];
  assert.equal(failed?.type, "Failed");
  assert.equal(failed.message, "subject organization is not system:nodes");
  await h.pass(3_700_000);
  assert.equal((await requests.list()).items.length, 0);
});
