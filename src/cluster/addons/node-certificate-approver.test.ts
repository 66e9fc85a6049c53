import assert from "node:assert/strict";
import { test } from "node:test";

import { certificateSigningRequests, nodes } from "../../api/resources.gen.ts";
import { startControllers } from "../../controller-runtime/testing/controller-harness.ts";
import type { CertificateRequestFacts } from "../../kube-controller-manager/certificates/certificate-signer.ts";
import { nodeCertificateApprover } from "./node-certificate-approver.ts";

const serving = "kubernetes.io/kubelet-serving";
const client = "kubernetes.io/kube-apiserver-client";
const nobody: CertificateRequestFacts = {
  commonName: "",
  organizations: [],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
};
const ofNode = { ...nobody, commonName: "system:node:a", organizations: ["system:nodes"] };
const ofProxy = { ...nobody, commonName: "system:kube-proxy" };

interface Case {
  readonly what: string;
  readonly signerName: string;
  readonly facts: CertificateRequestFacts;
  readonly usages?: readonly ("client auth" | "server auth" | "digital signature")[];
  readonly username?: string;
  readonly groups?: readonly string[];
  readonly approved: boolean;
}

const cases: readonly Case[] = [
  {
    what: "own name and address",
    signerName: serving,
    facts: { ...ofNode, dnsNames: ["a"], ipAddresses: ["10.0.0.1"] },
    approved: true,
  },
  {
    what: "another node's address",
    signerName: serving,
    facts: { ...ofNode, ipAddresses: ["10.0.0.2"] },
    approved: false,
  },
  {
    what: "a Service's name",
    signerName: serving,
    facts: { ...ofNode, dnsNames: ["a", "kubernetes"] },
    approved: false,
  },
  {
    what: "another node's name",
    signerName: serving,
    facts: { ...ofNode, commonName: "system:node:b", dnsNames: ["a"] },
    approved: false,
  },
  {
    what: "also a client",
    signerName: serving,
    facts: { ...ofNode, dnsNames: ["a"] },
    usages: ["server auth", "client auth"],
    approved: false,
  },
  {
    what: "a node that is not there",
    signerName: serving,
    username: "system:node:ghost",
    facts: { ...ofNode, commonName: "system:node:ghost" },
    approved: false,
  },
  {
    what: "kube-proxy for a node",
    signerName: client,
    facts: ofProxy,
    usages: ["digital signature", "client auth"],
    approved: true,
  },
  {
    what: "a node's network",
    signerName: client,
    facts: { ...nobody, commonName: "k8ts:node-network" },
    usages: ["digital signature", "client auth"],
    approved: true,
  },
  {
    what: "an administrator",
    signerName: client,
    facts: { ...nobody, commonName: "kubernetes-admin", organizations: ["system:masters"] },
    usages: ["client auth"],
    approved: false,
  },
  {
    what: "kube-proxy with a group",
    signerName: client,
    facts: { ...ofProxy, organizations: ["system:masters"] },
    usages: ["client auth"],
    approved: false,
  },
  {
    what: "a person who calls himself a node",
    signerName: client,
    facts: ofProxy,
    groups: ["system:authenticated"],
    usages: ["client auth"],
    approved: false,
  },
  { what: "a person", signerName: client, facts: ofProxy, username: "jane", usages: ["client auth"], approved: false },
  {
    what: "another signer",
    signerName: "kubernetes.io/legacy-unknown",
    facts: { ...ofNode, dnsNames: ["a"] },
    approved: false,
  },
];

test("a node gets what is its own, and nobody anything else", async () => {
  // The fake signer reads a request as the JSON it is.
  const read = (pem: string): Promise<CertificateRequestFacts> =>
    Promise.resolve(JSON.parse(pem) as CertificateRequestFacts);
  await using h = await startControllers([nodeCertificateApprover({ read })], async (api) => {
    await api.resource(nodes).create({
      metadata: { name: "a" },
      status: { addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
    });
  });
  const requests = h.client.resource(certificateSigningRequests);
  for (const [i, { signerName, facts, usages, username, groups }] of cases.entries()) {
    await requests.create({
      metadata: { name: `request-${i}` },
      spec: {
        request: btoa(JSON.stringify(facts)),
        signerName,
        usages: usages ?? ["server auth", "digital signature"],
        username: username ?? "system:node:a",
        groups: groups ?? ["system:nodes"],
      },
      status: {},
    });
  }
  await h.settle();
  for (const [i, { what, approved }] of cases.entries()) {
    const { status } = await requests.get(`request-${i}`);
    assert.equal(status.conditions?.some((c) => c.type === "Approved") ?? false, approved, what);
  }
});

test("a request that comes before its node's addresses is approved when they are there", async () => {
  const facts = { ...ofNode, dnsNames: ["a"], ipAddresses: ["10.0.0.1"] };
  await using h = await startControllers([nodeCertificateApprover({ read: () => Promise.resolve(facts) })]);
  const requests = h.client.resource(certificateSigningRequests);
  await requests.create({
    metadata: { name: "early" },
    spec: {
      request: btoa("{}"),
      signerName: serving,
      usages: ["server auth"],
      username: "system:node:a",
      groups: ["system:nodes"],
    },
    status: {},
  });
  await h.pass(5_000);
  assert.equal((await requests.get("early")).status.conditions, undefined);
  await h.client.resource(nodes).create({ metadata: { name: "a" }, status: {} });
  await h.pass(5_000);
  assert.equal((await requests.get("early")).status.conditions, undefined);
  const addresses = [{ type: "InternalIP", address: "10.0.0.1" }];
  await h.client.resource(nodes).patch("a", "merge", { status: { addresses } }, { subresource: "status" });
  await h.settle();
  assert.equal((await requests.get("early")).status.conditions?.[0]?.type, "Approved");
});
