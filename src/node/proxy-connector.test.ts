import assert from "node:assert/strict";
import { once } from "node:events";
import type * as Http from "node:http";
import * as https from "node:https";
import type { AddressInfo, Server } from "node:net";
import { test, type TestContext } from "node:test";

import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { readBody, TransportError } from "../component-base/http.ts";
import { http } from "./http-module.ts";
import { createCertificateAuthority, issueCertificate } from "./pki/certificates.ts";
import { HttpProxyConnector } from "./proxy-connector.ts";

const { signal } = new AbortController();

async function listen(t: TestContext, server: Server & { closeAllConnections(): void }): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function echo(request: Http.IncomingMessage, response: Http.ServerResponse): void {
  response.writeHead(207, { "x-asked": `${request.method} ${request.url} ${request.headers.host}` });
  request.pipe(response);
}

test("method, path, host and body arrive as they are, and so does the answer", async (t) => {
  const port = await listen(t, http.createServer(echo));
  using connector = new HttpProxyConnector("test");
  const body = (async function* () {
    yield utf8Encode("one ");
    yield utf8Encode("two");
  })();
  const url = `http://127.0.0.1:${port}/a%2Fb?c=d`;
  const answer = await connector.send({ method: "PATCH", url, headers: { host: "asked" }, body, signal });
  assert.equal(answer.status, 207);
  assert.equal(answer.headers["x-asked"], "PATCH /a%2Fb?c=d asked");
  assert.equal(utf8Decode(await readBody(answer.body)), "one two");
});

test("nobody listening is a TransportError in Go's words", async (t) => {
  const server = http.createServer();
  const port = await listen(t, server);
  await new Promise((resolve) => server.close(resolve));
  using connector = new HttpProxyConnector("test");
  await assert.rejects(
    connector.send({ method: "GET", url: `http://127.0.0.1:${port}/`, headers: {}, signal }),
    (error: unknown) =>
      error instanceof TransportError && error.message === `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  );
});

test("with an authority, certificates must be of it; without one, any will do", async (t) => {
  const authority = await createCertificateAuthority("a", 1, Date.now());
  const serving = await issueCertificate(authority, {
    commonName: "s",
    ipAddresses: ["127.0.0.1"],
    usage: "server",
    days: 1,
    nowMs: Date.now(),
  });
  const port = await listen(t, https.createServer({ cert: serving.cert, key: serving.key }, echo));
  const strangers = await createCertificateAuthority("b", 1, Date.now());
  const get = async (connector: HttpProxyConnector): Promise<number> => {
    const answer = await connector.send({ method: "GET", url: `https://127.0.0.1:${port}/`, headers: {}, signal });
    await readBody(answer.body);
    return answer.status;
  };
  using any = new HttpProxyConnector("any");
  using own = new HttpProxyConnector("own", { ca: authority.cert });
  using other = new HttpProxyConnector("other", { ca: strangers.cert });
  assert.equal(await get(any), 207);
  assert.equal(await get(own), 207);
  await assert.rejects(get(other), TransportError);
});

test("a kept connection that the other end has closed costs no request", async (t) => {
  const server = http.createServer(echo);
  const port = await listen(t, server);
  using connector = new HttpProxyConnector("test");
  const get = async (): Promise<void> => {
    const answer = await connector.send({ method: "GET", url: `http://127.0.0.1:${port}/`, headers: {}, signal });
    await readBody(answer.body);
  };
  await get();
  // The client has not read the end of the connection when it sends again.
  server.closeAllConnections();
  await get();
});
