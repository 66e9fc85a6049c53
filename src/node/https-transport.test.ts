import assert from "node:assert/strict";
import * as net from "node:net";
import { test } from "node:test";

import { silentLogger } from "../component-base/logger.ts";
import { startHttpServer, type HttpServer } from "./http-server.ts";
import { HttpsTransport } from "./https-transport.ts";
import { createCertificateAuthority, issueCertificate, type KeyPair } from "./pki/certificates.ts";

interface Line extends AsyncDisposable {
  readonly port: number;
  /** From now on nothing passes, and nobody is told. */
  cut(): void;
  /** New connections pass again; those from before stay dead. */
  mend(): void;
}

/** A cable to the server. */
async function lineTo(port: number): Promise<Line> {
  const sockets = new Set<net.Socket>();
  let isCut = false;
  const line = net.createServer((near) => {
    const far = net.connect(port, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => {});
      if (isCut) socket.pause();
    }
    if (!isCut) near.pipe(far).pipe(near);
  });
  await new Promise<void>((resolve) => line.listen(0, "127.0.0.1", resolve));
  return {
    port: (line.address() as net.AddressInfo).port,
    cut: () => {
      isCut = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    mend: () => (isCut = false),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => line.close(resolve));
    },
  };
}

interface Setting {
  readonly server: HttpServer;
  readonly authority: KeyPair;
  /** Who called, by certificate. */
  readonly seen: string[];
}

async function start(): Promise<Setting> {
  const nowMs = Date.now();
  const authority = await createCertificateAuthority("test", 10, nowMs);
  const ipAddresses = ["127.0.0.1"];
  const leaf = await issueCertificate(authority, {
    commonName: "server",
    usage: "server",
    ipAddresses,
    days: 1,
    nowMs,
  });
  const seen: string[] = [];
  const server = await startHttpServer({
    handler: ({ peer }) => {
      seen.push(peer.certificate?.commonName ?? "nobody");
      return Promise.resolve({ status: 200, headers: {}, body: new Uint8Array(1) });
    },
    tls: { ...leaf, clientCa: authority.cert },
    host: "127.0.0.1",
    port: 0,
    logger: silentLogger,
  });
  return { server, authority, seen };
}

test("a connection that went dead fails what is on it, and the next request gets another one", async () => {
  const { server, authority } = await start();
  await using _server = server;
  await using line = await lineTo(server.port);
  const ping = { intervalMs: 50, timeoutMs: 50 };
  await using transport = new HttpsTransport({ url: `https://127.0.0.1:${line.port}`, ca: authority.cert, ping });
  const send = async (): Promise<number> => (await transport.send({ method: "GET", path: "/", headers: {} })).status;
  assert.equal(await send(), 200);
  line.cut();
  await assert.rejects(send());
  line.mend();
  assert.equal(await send(), 200);
});

test("a new certificate is presented from the next request on", async () => {
  const { server, authority, seen } = await start();
  await using _server = server;
  const pair = (commonName: string): Promise<KeyPair> =>
    issueCertificate(authority, { commonName, usage: "client", days: 1, nowMs: Date.now() });
  const options = { url: `https://127.0.0.1:${server.port}`, ca: authority.cert };
  await using transport = new HttpsTransport({ ...options, ...(await pair("before")) });
  await transport.send({ method: "GET", path: "/", headers: {} });
  const after = await pair("after");
  transport.setCertificate(after.cert, after.key);
  await transport.send({ method: "GET", path: "/", headers: {} });
  assert.deepEqual(seen, ["before", "after"]);
});
