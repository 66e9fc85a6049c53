import assert from "node:assert/strict";
import { test } from "node:test";
import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { startControllers, type ControllerHarness } from "../../controller-runtime/testing/controller-harness.ts";
import { certificateControllers } from "./certificate-controllers.ts";
import type { CertificateRequestFacts, CertificateSigner } from "./certificate-signer.ts";

const none: CertificateRequestFacts = {
  commonName: "",
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};

/** Requests and certificates are JSON in place of X.509. */
const signer: CertificateSigner = {
  read: (pem) => Promise.resolve({ ...none, ...(JSON.parse(pem) as Partial<CertificateRequestFacts>) }),
  sign: (options) => Promise.resolve(JSON.stringify(options)),
};

const kubelet = { commonName: "system:node:n1", organizations: ["system:nodes"] };
const clientUsages = ["digital signature", "client auth"] as const;

interface Asked {
  readonly facts?: Partial<CertificateRequestFacts>;
  readonly signerName?: string;
  readonly username?: string;
  readonly usages?: CertificateSigningRequest["spec"]["usages"];
  readonly expirationSeconds?: number;
}

/** Starts the controllers; reviews allow the subresources named. */
async function start(allowed: ReadonlySet<string>): Promise<ControllerHarness> {
  const h = await startControllers(certificateControllers(signer));
  h.server.intercept = ({ path, body }) => {
    if (!path.includes("subjectaccessreviews")) return undefined;
    const { spec } = body as { spec: { resourceAttributes: { subresource: string } } };
    return { status: 201, body: { status: { allowed: allowed.has(spec.resourceAttributes.subresource) } } };
  };
  return h;
}

const client = (h: ControllerHarness) => h.client.resource(certificateSigningRequests);

async function ask(h: ControllerHarness, name: string, asked: Asked): Promise<void> {
  const {
    facts = kubelet,
    signerName = "kubernetes.io/kube-apiserver-client-kubelet",
    username = "u",
    ...rest
  } = asked;
  const spec = { request: btoa(JSON.stringify(facts)), signerName, username, usages: clientUsages, ...rest };
  await client(h).create({ metadata: { name }, spec, status: {} });
  await h.settle();
}

async function approveByHand(h: ControllerHarness, name: string): Promise<void> {
  const now = new Date(h.clock.now()).toISOString();
  const condition = { type: "Approved", status: "True", reason: "x", message: "", lastUpdateTime: now };
  const request = await client(h).get(name);
  await client(h).updateSubresource(name, "approval", { ...request, status: { conditions: [condition] } });
  await h.settle();
}

async function statusOf(h: ControllerHarness, name: string) {
  const { status } = await client(h).get(name);
  const certificate = status.certificate ? utf8Decode(base64Decode(status.certificate)) : undefined;
  const conditions = (status.conditions ?? []).map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
  return { conditions, certificate };
}

test("a kubelet's client certificate is approved where it may be, and signed", async () => {
  const messages = {
    selfnodeclient: "Approved AutoApproved: Auto approving self kubelet client certificate after SubjectAccessReview.",
    nodeclient: "Approved AutoApproved: Auto approving kubelet client certificate after SubjectAccessReview.",
  };
  const cases = [
    { allowed: ["selfnodeclient", "nodeclient"], username: "system:node:n1", told: messages.selfnodeclient },
    { allowed: ["nodeclient"], username: "system:node:n1", told: messages.nodeclient },
    { allowed: ["nodeclient"], username: "system:bootstrap:x", told: messages.nodeclient },
    { allowed: ["selfnodeclient"], username: "system:bootstrap:x", told: undefined },
  ];
  for (const { allowed, username, told } of cases) {
    await using h = await start(new Set(allowed));
    await ask(h, "r", { username });
    const { conditions, certificate } = await statusOf(h, "r");
    assert.deepEqual(conditions, told ? [told] : []);
    assert.equal(certificate !== undefined, told !== undefined);
  }
});

test("a refused kubelet is approved once its role allows it", async () => {
  const allowed = new Set<string>();
  await using h = await start(allowed);
  await ask(h, "r", {});
  assert.deepEqual((await statusOf(h, "r")).conditions, []);
  allowed.add("nodeclient");
  await h.pass(60_000);
  assert.equal((await statusOf(h, "r")).conditions.length, 1);
});

test("nobody but kubelets is approved by itself; what somebody approved is signed", async () => {
  await using h = await start(new Set(["selfnodeclient", "nodeclient"]));
  await ask(h, "person", { signerName: "kubernetes.io/kube-apiserver-client", facts: { commonName: "jane" } });
  await ask(h, "serving", {
    signerName: "kubernetes.io/kubelet-serving",
    facts: { ...kubelet, ipAddresses: ["10.0.0.1"] },
    usages: ["digital signature", "key encipherment", "server auth"],
  });
  await ask(h, "foreign", { signerName: "example.com/signer" });
  for (const name of ["person", "serving", "foreign"]) {
    assert.deepEqual((await statusOf(h, name)).conditions, []);
    await approveByHand(h, name);
    assert.equal((await statusOf(h, name)).certificate !== undefined, name !== "foreign", name);
  }
});

test("a certificate lives as long as asked for, within the signer's bounds", async () => {
  const minute = 60_000;
  const cases = [
    { expirationSeconds: undefined, ms: 365 * 24 * 60 * minute - 5 * minute },
    { expirationSeconds: 1, ms: 10 * minute },
    { expirationSeconds: 7200, ms: 120 * minute },
    { expirationSeconds: 86_400, ms: 24 * 60 * minute - 5 * minute },
    { expirationSeconds: 2_000_000_000, ms: 365 * 24 * 60 * minute - 5 * minute },
  ];
  for (const { expirationSeconds, ms } of cases) {
    await using h = await start(new Set(["nodeclient"]));
    await ask(h, "r", expirationSeconds === undefined ? {} : { expirationSeconds });
    const signed = JSON.parse((await statusOf(h, "r")).certificate ?? "") as {
      notBeforeMs: number;
      notAfterMs: number;
    };
    assert.equal(signed.notAfterMs - signed.notBeforeMs - 5 * minute, ms, String(expirationSeconds));
  }
});

test("what a signer does not sign fails with its reason", async () => {
  const serving = "kubernetes.io/kubelet-serving";
  const person = "kubernetes.io/kube-apiserver-client";
  const serverUsages = ["digital signature", "server auth"] as const;
  const cases: readonly (Asked & { readonly problem: string })[] = [
    { facts: { ...kubelet, organizations: ["x"] }, problem: "subject organization is not system:nodes" },
    { facts: { ...kubelet, dnsNames: ["a"] }, problem: "DNS subjectAltNames are not allowed" },
    { facts: { ...kubelet, emailAddresses: ["a"] }, problem: "Email subjectAltNames are not allowed" },
    { facts: { ...kubelet, ipAddresses: ["a"] }, problem: "IP subjectAltNames are not allowed" },
    { facts: { ...kubelet, uris: ["a"] }, problem: "URI subjectAltNames are not allowed" },
    {
      facts: { ...kubelet, commonName: "n1" },
      problem: "subject common name does not begin with system:node:",
    },
    {
      usages: ["client auth"],
      problem: "usages did not match [client auth digital signature key encipherment]",
    },
    { signerName: serving, usages: serverUsages, problem: "DNS or IP subjectAltName is required" },
    {
      signerName: serving,
      facts: { ...kubelet, dnsNames: ["n1"] },
      problem: "usages did not match [digital signature key encipherment server auth]",
    },
    {
      signerName: person,
      usages: [...clientUsages, "server auth"],
      problem: "invalid usage for client certificate: server auth",
    },
    {
      signerName: person,
      usages: ["digital signature"],
      problem: "missing required usage for client certificate: client auth",
    },
  ];
  await using h = await start(new Set());
  for (const [index, { problem, ...asked }] of cases.entries()) {
    const name = `r${index}`;
    await ask(h, name, asked);
    await approveByHand(h, name);
    const { conditions, certificate } = await statusOf(h, name);
    assert.equal(conditions[1], `Failed SignerValidationFailure: ${problem}`);
    assert.equal(certificate, undefined);
  }
});

test("requests go an hour after they are done with, and after a day when nobody signs or decides", async () => {
  await using h = await start(new Set(["nodeclient"]));
  await ask(h, "signed", {});
  await ask(h, "pending", { signerName: "example.com/signer" });
  await ask(h, "unsigned", { signerName: "example.com/signer" });
  await approveByHand(h, "unsigned");
  const names = async () => (await client(h).list()).items.map((request) => request.metadata.name).sort();
  await h.pass(3_599_000);
  assert.equal((await names()).length, 3);
  await h.pass(2_000);
  assert.deepEqual(await names(), ["pending", "unsigned"]);
  await h.pass(23 * 3_600_000);
  assert.deepEqual(await names(), []);
});
