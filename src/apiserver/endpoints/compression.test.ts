import assert from "node:assert/strict";
import { test } from "node:test";
import { builtinScheme } from "../../api/scheme.ts";
import type { HttpHeaders, HttpResponse } from "../../component-base/http.ts";
import { TestServer } from "../testing/test-server.ts";

const configMaps = "/api/v1/namespaces/default/configmaps";
const gzip = { "accept-encoding": "deflate, gzip" };

test("documents of more than 128 KiB may be compressed for clients that take gzip; watches and small ones are not", async () => {
  await using server = await TestServer.start({ scheme: builtinScheme() });
  for (const name of ["a", "b", "c"]) {
    const object = { metadata: { name }, data: { text: "x".repeat(50_000) } };
    assert.equal((await server.request("POST", configMaps, object)).status, 201);
  }
  const ask = async (path: string, query: string, headers: HttpHeaders): Promise<HttpResponse> =>
    server.server.handler({
      method: "GET",
      path,
      query: new URLSearchParams(query),
      headers,
      body: (async function* () {})(),
      peer: { address: "127.0.0.1" },
      signal: AbortSignal.abort(),
      upgrade: false,
    });
  const cases: readonly (readonly [string, string, HttpHeaders, boolean | undefined])[] = [
    [configMaps, "", gzip, true],
    [configMaps, "", { "accept-encoding": "gzip;q=1.0" }, undefined],
    [configMaps, "", {}, undefined],
    [configMaps, "limit=2", gzip, undefined],
    [configMaps, "limit=2", { "accept-encoding": "gzip" }, undefined],
    [`${configMaps}/a`, "", gzip, undefined],
    [configMaps, "watch=true", gzip, undefined],
    ["/version", "", gzip, undefined],
  ];
  for (const [path, query, headers, expected] of cases) {
    const answer = await ask(path, query, headers);
    assert.equal(answer.status, 200);
    assert.equal(answer.mayCompress, expected, `${path}?${query} ${JSON.stringify(headers)}`);
  }
});
