import assert from "node:assert/strict";
import { test } from "node:test";

import { silentLogger } from "../../component-base/logger.ts";
import { startHttpServer } from "../http-server.ts";
import { certificateTools } from "./certificate-tools.ts";
import { createCertificateAuthority, issueCertificate } from "./certificates.ts";
import {
  fetchPinnedAuthority,
  formatJoinToken,
  newBootstrapToken,
  parseJoinToken,
  publicKeyHash,
} from "./join-token.ts";

test("a token is what was formatted; a bare or damaged one is none", () => {
  const token = { caHash: "ab".repeat(32), bootstrapToken: newBootstrapToken() };
  assert.deepEqual(parseJoinToken(`${formatJoinToken(token)}\n`), token);
  for (const text of ["", token.bootstrapToken, `K10abc::${token.bootstrapToken}`, `${formatJoinToken(token)}0`]) {
    assert.equal(parseJoinToken(text), undefined, text);
  }
});

test("the authority with the pinned key is found, and another server is refused", async () => {
  const nowMs = Date.now();
  const [authority, other] = await Promise.all([
    createCertificateAuthority("ours", 10, nowMs),
    createCertificateAuthority("theirs", 10, nowMs),
  ]);
  const leaf = await issueCertificate(authority, {
    commonName: "server",
    usage: "server",
    ipAddresses: ["127.0.0.1"],
    days: 1,
    nowMs,
  });
  const serve = (cert: string) =>
    startHttpServer({
      handler: () => Promise.resolve({ status: 500, headers: {} }),
      tls: { cert, key: leaf.key },
      host: "127.0.0.1",
      port: 0,
      logger: silentLogger,
    });
  await using honest = await serve(leaf.cert + authority.cert);
  const fetched = await fetchPinnedAuthority(
    new URL(`https://127.0.0.1:${honest.port}`),
    publicKeyHash(authority.cert),
  );
  assert.equal(publicKeyHash(fetched), publicKeyHash(authority.cert));
  await assert.rejects(
    fetchPinnedAuthority(new URL(`https://127.0.0.1:${honest.port}`), publicKeyHash(other.cert)),
    /does not present the certificate authority/,
  );
  // Who has only seen the authority's certificate, which is no secret, cannot pass for the server.
  const stolen = await issueCertificate(other, { commonName: "server", usage: "server", days: 1, nowMs });
  await using liar = await startHttpServer({
    handler: () => Promise.resolve({ status: 500, headers: {} }),
    tls: { cert: stolen.cert + authority.cert, key: stolen.key },
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
  await assert.rejects(fetchPinnedAuthority(new URL(`https://127.0.0.1:${liar.port}`), publicKeyHash(authority.cert)));
});

test("a request carries its names, and a certificate is read back with them", async () => {
  const nowMs = Date.now();
  const authority = await createCertificateAuthority("ours", 10, nowMs);
  const { cert } = await issueCertificate(authority, {
    commonName: "system:node:a",
    organizations: ["system:nodes"],
    usage: "server",
    dnsNames: ["a"],
    ipAddresses: ["10.0.0.1"],
    days: 1,
    nowMs,
  });
  const facts = certificateTools.read(cert);
  assert.deepEqual([facts?.dnsNames, facts?.ipAddresses], [["a"], ["10.0.0.1"]]);
  assert.ok(facts && facts.notBeforeMs < nowMs && facts.notAfterMs > nowMs + 86_000_000);
  assert.equal(certificateTools.read("no certificate"), undefined);
});
