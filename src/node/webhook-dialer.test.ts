import assert from "node:assert/strict";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { readBody } from "../component-base/http.ts";
import { createCertificateAuthority, issueCertificate } from "./pki/certificates.ts";
import { HttpsWebhookDialer } from "./webhook-dialer.ts";

test("a webhook must show a certificate of its bundle for its service name", async () => {
  const nowMs = Date.now();
  const ca = await createCertificateAuthority("hooks", 1, nowMs);
  const other = await createCertificateAuthority("others", 1, nowMs);
  const serving = { commonName: "hook", dnsNames: ["hook.default.svc"], usage: "server", days: 1, nowMs } as const;
  const leaf = await issueCertificate(ca, serving);
  const hosts: (string | undefined)[] = [];
  const server = https.createServer(leaf, (request, response) => {
    hosts.push(request.headers.host);
    request.pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  using dialer = new HttpsWebhookDialer();
  try {
    const { port } = server.address() as AddressInfo;
    const call = async (serverName: string, caBundle: string): Promise<string> => {
      const target = { host: "127.0.0.1", port, serverName, caBundle };
      const body = new TextEncoder().encode("hello");
      const response = await dialer.send(target, { method: "POST", path: "/x", headers: {}, body });
      return new TextDecoder().decode(await readBody(response.body));
    };
    assert.equal(await call("hook.default.svc", ca.cert), "hello");
    assert.deepEqual(new Set(hosts), new Set(["hook.default.svc"]));
    // Whatever is in the bundle is trusted, the certificate shown included.
    assert.equal(await call("hook.default.svc", leaf.cert), "hello");
    await assert.rejects(call("other.default.svc", ca.cert), {
      message:
        "tls: failed to verify certificate: x509: certificate is valid for hook.default.svc, not other.default.svc",
    });
    await assert.rejects(call("hook.default.svc", other.cert), {
      message: "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    });
    const signal = AbortSignal.abort(new Error("too late"));
    const target = { host: "127.0.0.1", port, serverName: "hook.default.svc", caBundle: ca.cert };
    await assert.rejects(dialer.send(target, { method: "POST", path: "/", headers: {}, signal }), /too late/);
  } finally {
    dialer[Symbol.dispose]();
    await new Promise((resolve) => server.close(resolve));
  }
});
