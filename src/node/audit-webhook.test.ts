import assert from "node:assert/strict";
import * as http from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { utf8Encode } from "../component-base/bytes.ts";
import { HttpAuditReceiver } from "./audit-webhook.ts";

test("events are posted with the token to the path of the URL, and what the server says against them is told", async () => {
  const seen: string[] = [];
  let status = 200;
  const server = http.createServer((request, answer) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { authorization, "content-type": type } = request.headers;
      seen.push([request.method, request.url, type, authorization, body].join(" "));
      answer.writeHead(status);
      answer.end("not today\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  try {
    using receiver = new HttpAuditReceiver({ url: `http://127.0.0.1:${port}/audit?a=b`, token: () => "secret" });
    await receiver.post(utf8Encode("{}"));
    assert.deepEqual(seen, ["POST /audit?a=b application/json Bearer secret {}"]);
    status = 503;
    await assert.rejects(receiver.post(utf8Encode("{}")), { message: "the server answered 503: not today" });
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
  using nobody = new HttpAuditReceiver({ url: `http://127.0.0.1:${port}/` });
  await assert.rejects(nobody.post(utf8Encode("{}")), /connection refused/);
  assert.throws(() => new HttpAuditReceiver({ url: "ftp://example.com" }), TypeError);
});
