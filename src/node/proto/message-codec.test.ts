import assert from "node:assert/strict";
import { test } from "node:test";

import { GrpcPackage } from "../grpc-client.ts";
import { criProto } from "./cri.ts";
import { MessageCodec } from "./message-codec.ts";
import { parseProto } from "./proto-schema.ts";

const codec = new MessageCodec(parseProto(criProto));

test("every type that the definitions name is defined", () => {
  const { messages, enums, services } = parseProto(criProto);
  const scalars = ["string", "bool", "bytes", "int32", "int64", "uint32", "uint64"];
  const known = new Set([...messages.keys(), ...enums.keys(), ...scalars]);
  for (const [name, fields] of messages) {
    for (const field of fields) assert(known.has(field.type), `${name}.${field.name} is of unknown type ${field.type}`);
    assert.equal(new Set(fields.map((f) => f.id)).size, fields.length, `${name} uses a number twice`);
  }
  for (const method of [...services.values()].flat()) {
    assert(messages.has(method.requestType) && messages.has(method.responseType), method.name);
  }
  assert.ok(new GrpcPackage(criProto).client("RuntimeService", "unix:///none"));
});

test("what is not a definition is refused", () => {
  assert.throws(() => parseProto("package a; message M { string = 1; }"), /not a field/);
  assert.throws(() => parseProto("message M {}"), /no package/);
});

test("boxed values are plain on our side, nested and repeated", () => {
  const request = { filter: { id: "a", state: "notReady", labelSelector: { b: "c" } } };
  const wire = codec.toWire("ListPodSandboxRequest", request);
  assert.deepEqual(wire, { filter: { id: "a", state: { state: "notReady" }, labelSelector: { b: "c" } } });
  assert.deepEqual(codec.fromWire("ListPodSandboxRequest", wire), request);
  const network = { ip: "10.0.0.1", additionalIps: [{ ip: "fd00::1" }, { ip: "fd00::2" }] };
  assert.deepEqual(codec.fromWire("PodSandboxNetworkStatus", network), {
    ip: "10.0.0.1",
    additionalIps: ["fd00::1", "fd00::2"],
  });
});

test("times are milliseconds here, nanoseconds on the wire; absent messages are absent", () => {
  const status = { id: "a", createdAtMs: 1_790_000_000_123_000_000, network: null, labels: {} };
  const converted = codec.fromWire("PodSandboxStatus", status);
  assert.equal(Math.round(Number(converted["createdAtMs"])), 1_790_000_000_123);
  assert.equal("network" in converted, false);
  assert.deepEqual(codec.toWire("Container", { createdAtMs: 1_790_000_000_123 }), {
    createdAtMs: "1790000000123000000",
  });
});
