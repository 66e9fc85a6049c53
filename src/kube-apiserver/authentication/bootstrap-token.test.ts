import assert from "node:assert/strict";
import { test } from "node:test";
import { TestApiServer } from "../testing/test-cluster.ts";

test("a bootstrap token is a user of its own until it expires", async () => {
  await using api = await TestApiServer.start();
  const expiration = new Date(api.clock.now() + 60_000).toISOString();
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "bootstrap-token-abcdef" },
    type: "bootstrap.kubernetes.io/token",
    stringData: {
      "token-id": "abcdef",
      "token-secret": "0123456789abcdef",
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": "system:bootstrappers:nodes",
      expiration,
    },
  };
  assert.equal((await api.request("POST", "/api/v1/namespaces/kube-system/secrets", secret)).status, 201);
  const who = async (token: string): Promise<unknown> => {
    const review = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: {} };
    const answer = await api.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", review, {
      as: token,
    });
    return answer.status === 201
      ? answer.json<{ status: { userInfo: { username: string; groups: string[] } } }>().status.userInfo
      : answer.status;
  };
  assert.deepEqual(await who("abcdef.0123456789abcdef"), {
    username: "system:bootstrap:abcdef",
    groups: ["system:bootstrappers", "system:bootstrappers:nodes", "system:authenticated"],
  });
  assert.equal(await who("abcdef.0123456789abcdeX"), 401);
  assert.equal(await who("abcdef.0123456789abcde0"), 401);
  api.clock.step(61_000);
  assert.equal(await who("abcdef.0123456789abcdef"), 401);
});
