import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, utf8Encode } from "../../component-base/bytes.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { TestServer } from "../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const protobuf = { "content-type": "application/vnd.kubernetes.protobuf" };

type Json = { readonly [key: string]: Json } & string;

/** A length-delimited field; short ones only, whose number and length take a byte each. */
function field(number: number, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const content = concatBytes(parts.map((part) => (typeof part === "string" ? utf8Encode(part) : part)));
  return concatBytes([new Uint8Array([(number << 3) | 2, content.length]), content]);
}

function envelope(apiVersion: string, kind: string, ...message: readonly Uint8Array[]): Uint8Array {
  const typeMeta = field(1, field(1, apiVersion), field(2, kind));
  return concatBytes([utf8Encode("k8s\0"), typeMeta, field(2, ...message), field(3), field(4)]);
}

const settings = (value: string): Uint8Array =>
  envelope("v1", "ConfigMap", field(1, field(1, "settings")), field(2, field(1, "color"), field(2, value)));

test("POST and PUT take protobuf bodies", async () => {
  await using server = await TestServer.start({ scheme });
  const created = await server.request("POST", configMaps, settings("red"), protobuf);
  assert.equal(created.status, 201, created.text);
  assert.deepEqual((created.json as Json).data, { color: "red" });
  const updated = await server.request("PUT", `${configMaps}/settings`, settings("blue"), protobuf);
  assert.equal(updated.status, 200, updated.text);
  assert.deepEqual((updated.json as Json).data, { color: "blue" });
});

test("DELETE takes its options as protobuf, under any version", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", configMaps, settings("red"), protobuf);
  const preconditions = field(2, field(1, "another"));
  const refused = envelope("v1", "DeleteOptions", preconditions);
  assert.equal((await server.request("DELETE", `${configMaps}/settings`, refused, protobuf)).status, 409);
  const granted = envelope("apps/v1", "DeleteOptions", field(5, "All"));
  assert.equal((await server.request("DELETE", `${configMaps}/settings`, granted, protobuf)).status, 200);
  assert.equal((await server.request("GET", `${configMaps}/settings`)).status, 200);
});

test("bodies that are no message of the kind are bad requests", async () => {
  await using server = await TestServer.start({ scheme });
  const cases: readonly (readonly [Uint8Array, RegExp])[] = [
    [
      utf8Encode("{}"),
      /unrecognized \(must be of type ConfigMap\): provided data does not appear to be a protobuf message/,
    ],
    [
      envelope("v1", "ConfigMap", new Uint8Array([0x0a, 0x7f])),
      /^ConfigMap in version "v1" cannot be handled as a ConfigMap: /,
    ],
    [envelope("v1", "Secret"), /^Secret in version "v1" cannot be handled as a ConfigMap/],
    [envelope("v2", "ConfigMap"), /the API version in the data \(v2\) does not match the expected API version \(v1\)/],
  ];
  for (const [body, message] of cases) {
    const answer = await server.request("POST", configMaps, body, protobuf);
    assert.equal(answer.status, 400);
    assert.match((answer.json as Json).message ?? "", message);
  }
});

test("a body of another type is told what would be taken", async () => {
  await using server = await TestServer.start({ scheme });
  const answer = await server.request("POST", configMaps, "a: b", { "content-type": "application/toml" });
  assert.equal(answer.status, 415);
  assert.equal(
    (answer.json as Json).message,
    "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf",
  );
});
