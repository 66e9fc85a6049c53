import assert from "node:assert/strict";
import { test } from "node:test";
import type { CertificateSigningRequest } from "../../src/api/certificates/v1/types.gen.ts";
import { certificateSigningRequests } from "../../src/api/resources.gen.ts";
import { createCluster, type TestCluster } from "../../src/testing/cluster.ts";

const pem = "-----BEGIN CERTIFICATE REQUEST-----\nMA==\n-----END CERTIFICATE REQUEST-----\n";
const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const approved = { type: "Approved", status: "True", reason: "Test", message: "as asked" };

function request(more: Partial<CertificateSigningRequest["spec"]> = {}) {
  const spec = { request: btoa(pem), signerName: "example.com/signer", usages: ["client auth"] as const, ...more };
  return { metadata: { name: "r" }, spec };
}

const update = (cluster: TestCluster, subresource: string, object: CertificateSigningRequest) =>
  cluster.client.request<CertificateSigningRequest>("PUT", `${path}/r/${subresource}`, object);

test("the approval of a certificate takes conditions of any kind, and what is decided stays", async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const requests = cluster.client.resource(certificateSigningRequests);
  const created = await requests.create(request());
  const other = { type: "Seen", status: "True", reason: "x" };
  const seen = await update(cluster, "approval", { ...created, status: { conditions: [other] } });
  assert.equal(seen.status.conditions?.[0]?.type, "Seen");
  assert.ok(seen.status.conditions[0].lastTransitionTime);
  const decided = await update(cluster, "approval", { ...seen, status: { conditions: [other, approved] } });
  assert.deepEqual(
    decided.status.conditions?.map(({ type }) => type),
    ["Seen", "Approved"],
  );
  await assert.rejects(update(cluster, "approval", { ...decided, status: { conditions: [other] } }), {
    message: /status\.conditions: Forbidden: updates may not remove a condition of type "Approved"/,
  });
  const denied = { ...approved, type: "Denied" };
  await assert.rejects(update(cluster, "approval", { ...decided, status: { conditions: [approved, denied] } }), {
    message: /Approved and Denied conditions are mutually exclusive/,
  });
});

test("the status of a certificate request takes the certificate once, and no verdict", async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const created = await cluster.client.resource(certificateSigningRequests).create(request());
  await assert.rejects(update(cluster, "status", { ...created, status: { conditions: [approved] } }), {
    message: /status\.conditions: Forbidden: updates may not add a condition of type "Approved"/,
  });
  const signed = await update(cluster, "status", { ...created, status: { certificate: btoa("one") } });
  await assert.rejects(update(cluster, "status", { ...signed, status: { certificate: btoa("two") } }), {
    message: /status\.certificate: Forbidden: updates may not modify existing certificate content/,
  });
});

test("certificate requests that no signer could serve are refused", async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const requests = cluster.client.resource(certificateSigningRequests);
  const cases: readonly (readonly [Partial<CertificateSigningRequest["spec"]>, RegExp])[] = [
    [{ request: btoa("x") }, /spec\.request: .*PEM block type must be CERTIFICATE REQUEST/],
    [{ usages: [] }, /spec\.usages: Required value/],
    [{ usages: ["client auth", "client auth"] }, /spec\.usages\[1\]: Duplicate value: "client auth"/],
    [{ signerName: "nobody" }, /must be a fully qualified domain and path of the form 'example.com\/signer-name'/],
    [{ signerName: "kubernetes.io/legacy-unknown" }, /the legacy signerName is not allowed via this API version/],
    [{ expirationSeconds: 10 }, /may not specify a duration less than 600 seconds \(10 minutes\)/],
  ];
  for (const [more, message] of cases) await assert.rejects(requests.create(request(more)), { message });
});

test("events are found by the fields of the version they are asked in", async () => {
  await using cluster = await createCluster({ nodes: 0 });
  const { client } = cluster;
  await client.request("POST", "/apis/events.k8s.io/v1/namespaces/default/events", {
    metadata: { name: "e" },
    eventTime: "2026-01-01T00:00:00.000000Z",
    reportingController: "test-controller",
    reportingInstance: "one",
    action: "Do",
    reason: "Test",
    type: "Normal",
    note: "hello",
    regarding: { kind: "Node", name: "n" },
  });
  const find = async (group: string, selector: string): Promise<number> => {
    const query = new URLSearchParams({ fieldSelector: selector });
    const list = await client.request<{ items: unknown[] }>(
      "GET",
      `/${group}/namespaces/default/events?${query.toString()}`,
    );
    return list.items.length;
  };
  assert.equal(await find("apis/events.k8s.io/v1", "reportingController=test-controller,regarding.kind=Node"), 1);
  assert.equal(await find("apis/events.k8s.io/v1", "reportingController=other"), 0);
  assert.equal(await find("api/v1", "source=test-controller,involvedObject.name=n"), 1);
  await assert.rejects(find("apis/events.k8s.io/v1", "involvedObject.name=n"), {
    message: /field label not supported: involvedObject.name/,
  });
});
