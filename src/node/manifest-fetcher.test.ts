import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { fetchManifest } from "./manifest-fetcher.ts";

test("a manifest is what the address serves with a 200", async () => {
  const server = createServer((request, response) => {
    if (request.url === "/pod") response.end("kind: Pod\n");
    else if (request.url === "/empty") response.end();
    else response.writeHead(404).end("kind: Nothing");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}`;
  try {
    assert.equal(new TextDecoder().decode(await fetchManifest(`${base}/pod`)), "kind: Pod\n");
    await assert.rejects(fetchManifest(`${base}/empty`), /zero-length data received/);
    await assert.rejects(fetchManifest(`${base}/other`), /404 Not Found/);
  } finally {
    server.close();
  }
});
