import assert from "node:assert/strict";
import { test } from "node:test";
import { defined } from "../../component-base/assert.ts";
import { concatBytes, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { readEnvelope } from "../../apimachinery/protobuf/envelope.ts";
import { builtinScheme } from "../../api/scheme.ts";
import { TestServer } from "../testing/test-server.ts";

const scheme = builtinScheme();
const configMaps = "/api/v1/namespaces/default/configmaps";
const protobuf = { "content-type": "application/vnd.kubernetes.protobuf" };

interface Json {
  readonly kind?: string;
  readonly apiVersion?: string;
  readonly metadata?: { readonly name?: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly items?: readonly Json[];
  readonly message?: string;
  readonly status?: string;
}

/** A length-delimited field; short ones only, whose number and length take a byte each. */
function field(number: number, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const content = concatBytes(parts.map((part) => (typeof part === "string" ? utf8Encode(part) : part)));
  return concatBytes([new Uint8Array([(number << 3) | 2, content.length]), content]);
}

function envelope(apiVersion: string, kind: string, ...message: readonly Uint8Array[]): Uint8Array {
  const typeMeta = field(1, field(1, apiVersion), field(2, kind));
  return concatBytes([utf8Encode("k8s\0"), typeMeta, field(2, ...message), field(3), field(4)]);
}

/** The object in a protobuf body, as JSON. */
function objectIn(bytes: Uint8Array, group = "", version = "v1"): Json {
  const { raw, ...typeMeta } = readEnvelope(bytes);
  const kind = defined(scheme.kind(group, version, typeMeta.kind), typeMeta.kind);
  return { ...typeMeta, ...defined(kind.fromProtobuf, "fromProtobuf")(raw) };
}

interface Answer {
  readonly status: number;
  readonly type: string | undefined;
  readonly bytes: Uint8Array;
}

async function ask(server: TestServer, method: string, path: string, accept: string, body?: unknown): Promise<Answer> {
  const response = await server.send(method, path, body, { accept });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const bytes = concatBytes(chunks);
  return { status: response.status, type: response.headers["content-type"], bytes };
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
    [
      envelope("v2", "ConfigMap"),
      /no kind "ConfigMap" is registered for version "v2" in scheme "pkg\/runtime\/scheme.go:111"/,
    ],
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

const accepted = "application/vnd.kubernetes.protobuf";

test("objects, lists, metadata and failures are answered as protobuf to who accepts it", async () => {
  await using server = await TestServer.start({ scheme });
  const body = { metadata: { name: "settings" }, data: { color: "red" } };
  const created = await ask(server, "POST", configMaps, accepted, body);
  assert.deepEqual([created.status, created.type], [201, accepted]);
  const got = objectIn((await ask(server, "GET", `${configMaps}/settings`, accepted)).bytes);
  assert.deepEqual(got, objectIn(created.bytes));
  assert.equal(got.kind, "ConfigMap");
  assert.deepEqual(got.data, { color: "red" });

  const list = objectIn((await ask(server, "GET", configMaps, accepted)).bytes);
  assert.equal(list.kind, "ConfigMapList");
  assert.deepEqual(
    list.items?.map((item) => item.data),
    [{ color: "red" }],
  );

  const view = (as: string): string => `${accepted};as=${as};g=meta.k8s.io;v=v1`;
  const one = await ask(server, "GET", `${configMaps}/settings`, view("PartialObjectMetadata"));
  const partial = objectIn(one.bytes, "meta.k8s.io");
  assert.deepEqual(
    [partial.apiVersion, partial.kind, partial.metadata?.name],
    ["meta.k8s.io/v1", "PartialObjectMetadata", "settings"],
  );
  const all = await ask(server, "GET", configMaps, view("PartialObjectMetadataList"));
  assert.equal(objectIn(all.bytes, "meta.k8s.io").items?.[0]?.metadata?.name, "settings");

  const missing = await ask(server, "GET", `${configMaps}/none`, accepted);
  assert.deepEqual([missing.status, missing.type], [404, accepted]);
  assert.equal(objectIn(missing.bytes).message, 'configmaps "none" not found');
  const deleted = await ask(server, "DELETE", `${configMaps}/settings`, accepted);
  assert.equal(objectIn(deleted.bytes).status, "Success");
});

test("what has no message falls through to the next accepted type", async () => {
  await using server = await TestServer.start({ scheme });
  const table = "as=Table;g=meta.k8s.io;v=v1";
  const asTable = await ask(server, "GET", configMaps, `${accepted};${table},application/json;${table}`);
  assert.equal(asTable.type, "application/json");
  assert.equal((JSON.parse(utf8Decode(asTable.bytes)) as Json).kind, "Table");
  assert.equal((await ask(server, "GET", "/version", `${accepted},application/json`)).type, "application/json");
  assert.equal((await ask(server, "GET", configMaps, `application/json,${accepted}`)).type, "application/json");
  const refused = await ask(server, "GET", configMaps, "text/csv");
  assert.equal(refused.status, 406);
  assert.match(
    utf8Decode(refused.bytes),
    /application\/json, application\/yaml, application\/vnd\.kubernetes\.protobuf/,
  );
});

test("a protobuf watch is a stream of frames", async () => {
  await using server = await TestServer.start({ scheme });
  await server.request("POST", configMaps, settings("red"), protobuf);
  const response = await server.send("GET", `${configMaps}?watch=1`, undefined, { accept: accepted });
  assert.equal(response.headers["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
  const chunks = response.body[Symbol.asyncIterator]();
  let bytes: Uint8Array = new Uint8Array();
  const next = async (): Promise<readonly [type: string, object: Json]> => {
    const take = async (length: number): Promise<Uint8Array> => {
      while (bytes.length < length) bytes = concatBytes([bytes, defined((await chunks.next()).value, "chunk")]);
      const taken = bytes.slice(0, length);
      bytes = bytes.slice(length);
      return taken;
    };
    const length = new DataView((await take(4)).buffer).getUint32(0);
    const frame = await take(length);
    const typeEnd = 2 + (frame[1] ?? 0);
    const start = frame.indexOf(0x6b, typeEnd);
    return [utf8Decode(frame.subarray(2, typeEnd)), objectIn(frame.subarray(start))];
  };
  const [type, object] = await next();
  assert.deepEqual([type, object.kind, object.data], ["ADDED", "ConfigMap", { color: "red" }]);
  await server.request("PUT", `${configMaps}/settings`, settings("blue"), protobuf);
  const [changeType, changed] = await next();
  assert.deepEqual([changeType, changed.data], ["MODIFIED", { color: "blue" }]);
  await chunks.return?.();
});

test("a list made of the objects' kept bytes is what encoding it whole gives, also when it goes in groups", async () => {
  await using server = await TestServer.start({ scheme });
  for (let i = 0; i < 6; i++) {
    const data = { text: `${i}`.repeat(150_000) };
    await server.request("POST", configMaps, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `m${i}` },
      data,
    });
  }
  for (const query of ["", "?limit=2"]) {
    const { json: list } = await server.request("GET", `${configMaps}${query}`);
    const whole = defined(scheme.kind("", "v1", "ConfigMapList")?.toProtobuf, "toProtobuf")(list as never);
    for (let round = 0; round < 2; round++) {
      const { bytes } = await ask(server, "GET", `${configMaps}${query}`, "application/vnd.kubernetes.protobuf");
      assert.deepEqual(bytes, whole);
    }
  }
});
