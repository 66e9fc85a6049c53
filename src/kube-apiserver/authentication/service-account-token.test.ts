import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../component-base/random.ts";
import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { decodeBase64Url, encodeBase64Url } from "./base64url.ts";
import type { NamedTokenKey } from "./json-web-token.ts";
import { nameTokenKey, unverifiedClaims } from "./json-web-token.ts";
import type { TokenObjects } from "./service-account-token-authenticator.ts";
import { InvalidTokenError, ServiceAccountTokenAuthenticator } from "./service-account-token-authenticator.ts";
import { ServiceAccountTokenIssuer } from "./service-account-token-issuer.ts";

const issuer = "https://issuer.example";
const subject = { namespace: "ns", serviceAccount: { name: "robot", uid: "u1" } };

async function newKey(algorithm: "ES256" | "RS256" = "ES256"): Promise<NamedTokenKey> {
  const parameters =
    algorithm === "ES256"
      ? { name: "ECDSA", namedCurve: "P-256" }
      : { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
  return nameTokenKey(await crypto.subtle.generateKey(parameters, true, ["sign", "verify"]));
}

function objects(uid: string | null): TokenObjects {
  const none = { get: () => undefined };
  // Only the metadata is looked at.
  const account = uid === null ? undefined : ({ metadata: { name: "robot", namespace: "ns", uid } } as never);
  return { serviceAccounts: { get: () => account }, pods: none, secrets: none, nodes: none };
}

async function setup(uid: string | null = "u1", algorithm: "ES256" | "RS256" = "ES256") {
  const clock = new SteppingClock();
  const key = await newKey(algorithm);
  const tokens = new ServiceAccountTokenIssuer({ issuer, key, clock, random: new SeededRandom(1) });
  const authenticator = new ServiceAccountTokenAuthenticator({
    issuers: [issuer],
    keys: [key],
    audiences: ["api"],
    objects: objects(uid),
    clock,
  });
  return { clock, tokens, authenticator };
}

for (const algorithm of ["ES256", "RS256"] as const) {
  test(`a token round trip (${algorithm})`, async () => {
    const { tokens, authenticator } = await setup("u1", algorithm);
    const { token } = await tokens.issue(subject, ["api", "other"], 600);
    const claims = unverifiedClaims(token);
    assert.equal(claims?.["sub"], "system:serviceaccount:ns:robot");
    assert.deepEqual(claims["kubernetes.io"], { namespace: "ns", serviceaccount: { name: "robot", uid: "u1" } });
    const result = await authenticator.authenticateToken(token);
    assert.equal(result?.user.name, "system:serviceaccount:ns:robot");
    assert.deepEqual(result.user.groups, ["system:serviceaccounts", "system:serviceaccounts:ns"]);
    assert.deepEqual(result.audiences, ["api"]);
  });
}

test("a token ends with its time, its account, its audience", async () => {
  const { clock, tokens, authenticator } = await setup();
  const { token } = await tokens.issue(subject, ["api"], 600);
  await assert.rejects(authenticator.authenticateToken(token, ["elsewhere"]), InvalidTokenError);
  clock.step(600_000);
  await assert.rejects(authenticator.authenticateToken(token), /expired/);
  for (const uid of ["u2", null]) {
    const other = await setup(uid);
    const { token } = await other.tokens.issue(subject, ["api"], 600);
    await assert.rejects(other.authenticator.authenticateToken(token), InvalidTokenError);
  }
});

test("a forged or foreign token is refused or left to others", async () => {
  const { tokens, authenticator } = await setup();
  const { token } = await tokens.issue(subject, ["api"], 600);
  const [header = "", claims = "", signature = ""] = token.split(".");
  const forged = { ...unverifiedClaims(token), sub: "system:serviceaccount:kube-system:admin" };
  const forgedClaims = encodeBase64Url(new TextEncoder().encode(JSON.stringify(forged)));
  await assert.rejects(authenticator.authenticateToken(`${header}.${forgedClaims}.${signature}`), /invalid signature/);
  const unsigned = encodeBase64Url(new TextEncoder().encode('{"alg":"none"}'));
  await assert.rejects(authenticator.authenticateToken(`${unsigned}.${claims}.`), /invalid signature/);
  const other = await setup();
  await assert.rejects(other.authenticator.authenticateToken(token), /invalid signature/);
  assert.equal(await authenticator.authenticateToken("opaque"), undefined);
});

test("base64url round trip; anything else is refused", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
  assert.deepEqual(decodeBase64Url(encodeBase64Url(bytes)), bytes);
  for (const bad of ["a", "a=", "+/"]) assert.equal(decodeBase64Url(bad), undefined);
});
