import assert from "node:assert/strict";
import { once } from "node:events";
import type * as Http from "node:http";
import * as https from "node:https";
import type { AddressInfo, Server } from "node:net";
import { test, type TestContext } from "node:test";

import { utf8Decode, utf8Encode } from "../component-base/bytes.ts";
import { readBody, TransportError, type HttpHeaders, type HttpPeer, type ServerTrust } from "../component-base/http.ts";
import { http } from "./http-module.ts";
import { silentLogger } from "../component-base/logger.ts";
import { startHttpServer } from "./http-server.ts";
import { HttpsTransport } from "./https-transport.ts";
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

test("a front proxy shows its certificate to a server of the right name, and says of whom it speaks in lines of their own", async () => {
  const nowMs = Date.now();
  const [authority, clients, proxies] = await Promise.all(
    ["serving", "clients", "proxies"].map((name) => createCertificateAuthority(name, 1, nowMs)),
  );
  assert.ok(authority && clients && proxies);
  const serving = { commonName: "s", dnsNames: ["flunders.default.svc"], usage: "server", days: 1, nowMs } as const;
  const asProxy = await issueCertificate(proxies, { commonName: "front", usage: "client", days: 1, nowMs });
  const asClient = await issueCertificate(clients, { commonName: "alice", usage: "client", days: 1, nowMs });
  const seen: { readonly peer: HttpPeer; readonly headers: HttpHeaders }[] = [];
  const { cert, key } = await issueCertificate(authority, serving);
  await using server = await startHttpServer({
    handler: async ({ peer, headers }) => {
      seen.push({ peer, headers });
      return { status: 204, headers: {} };
    },
    tls: { cert, key, clientCa: clients.cert, frontProxyCa: proxies.cert },
    separateHeaders: ["x-remote-"],
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
  const url = `https://127.0.0.1:${server.port}/`;
  using connector = new HttpProxyConnector("front-proxy", asProxy);
  const headers = { "x-remote-user": "jane", "x-remote-group": ["a, b", "c"], accept: ["x/y", "z/*"] };
  const send = async (trust: ServerTrust, through = connector): Promise<void> => {
    const answer = await through.send({ method: "GET", url, headers, signal, trust });
    await readBody(answer.body);
  };
  const trust = { serverName: "flunders.default.svc", ca: authority.cert };
  await send(trust);
  assert.equal(seen[0]?.peer.frontProxy, "front");
  assert.equal(seen[0].peer.certificate, undefined);
  assert.equal(seen[0].headers["x-remote-group"], "a, b\nc");
  assert.equal(seen[0].headers["accept"], "x/y, z/*");
  // Over HTTP/2, too.
  await using transport = new HttpsTransport({ url, ca: authority.cert, ...asProxy, serverName: trust.serverName });
  await transport.send({ method: "GET", path: "/", headers: { "x-remote-group": "a, b" } });
  assert.equal(seen[1]?.peer.frontProxy, "front");
  assert.equal(seen[1].headers["x-remote-group"], "a, b");
  // Whose certificate is not of front proxies speaks for itself alone.
  using client = new HttpProxyConnector("alice", asClient);
  await send(trust, client);
  assert.equal(seen[2]?.peer.frontProxy, undefined);
  assert.equal(seen[2]?.peer.certificate?.commonName, "alice");
  await assert.rejects(
    send({ serverName: "flunders.other.svc", ca: authority.cert }),
    /x509: certificate is valid for flunders.default.svc, not flunders.other.svc/,
  );
  await assert.rejects(
    send({ serverName: trust.serverName, ca: clients.cert }),
    /^TransportError: tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
  );
  await send({ serverName: "whatever", isAnyAccepted: true });
  assert.equal(seen.length, 4);
});

test("cookies stay apart on their way through a server", async (t) => {
  const cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/"];
  const backend = http.createServer((_request, response) => {
    response.writeHead(200, { "set-cookie": cookies, vary: "a" });
    response.end();
  });
  const port = await listen(t, backend);
  using connector = new HttpProxyConnector("test");
  const authority = await createCertificateAuthority("a", 1, Date.now());
  const serving = await issueCertificate(authority, {
    commonName: "s",
    ipAddresses: ["127.0.0.1"],
    usage: "server",
    days: 1,
    nowMs: Date.now(),
  });
  await using server = await startHttpServer({
    handler: async () => {
      const { status, headers } = await connector.send({
        method: "GET",
        url: `http://127.0.0.1:${port}/`,
        headers: {},
        signal,
      });
      return { status, headers };
    },
    tls: serving,
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
  const received = await new Promise<string[] | undefined>((resolve, reject) => {
    const options = { ca: authority.cert, agent: false };
    https
      .get(`https://127.0.0.1:${server.port}/`, options, (response) => {
        response.resume();
        resolve(response.headers["set-cookie"]);
      })
      .on("error", reject);
  });
  assert.deepEqual(received, cookies);
});
