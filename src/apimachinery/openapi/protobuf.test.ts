import assert from "node:assert/strict";
import { test } from "node:test";

import { encodeOpenApiV2 } from "./protobuf.ts";

const hex = (text: string): string => Buffer.from(encodeOpenApiV2(JSON.parse(text) as object)).toString("hex");
const field = (key: string, content: string): string =>
  `${key}${(content.length / 2).toString(16).padStart(2, "0")}${content}`;
const text = (key: string, value: string): string => field(key, Buffer.from(value).toString("hex"));

test("members become the fields gnostic has for them", () => {
  const version = text("12", "1");
  assert.equal(
    hex(`{"swagger":"2.0","info":{"title":"K","version":"1"}}`),
    text("0a", "2.0") + field("12", text("0a", "K") + version),
  );
});

test("maps become entries, extensions YAML", () => {
  const type = field("b201", text("0a", "object"));
  const extension = field("fa01", text("0a", "x-k") + field("12", text("12", `{"a":1}\n`)));
  const entry = text("0a", "A") + field("12", type + extension);
  assert.equal(hex(`{"definitions":{"A":{"type":"object","x-k":{"a":1}}}}`), field("4a", field("0a", entry)));
});

test("bounds of values are doubles and integers", () => {
  const bounds = "39000000000000f03f5805";
  const entry = text("0a", "A") + field("12", bounds);
  assert.equal(hex(`{"definitions":{"A":{"maximum":1,"maxLength":5}}}`), field("4a", field("0a", entry)));
});

test("parameters are wrapped by where they are", () => {
  const query = text("12", "query") + text("22", "q") + text("32", "string");
  const item = field("0a", field("12", field("1a", query)));
  const path = text("0a", "/p") + field("12", field("4a", item));
  assert.equal(
    hex(`{"paths":{"/p":{"parameters":[{"in":"query","name":"q","type":"string"}]}}}`),
    field("42", field("12", path)),
  );
});

test("a member without a field is refused", () => {
  assert.throws(() => encodeOpenApiV2({ nonsense: 1 }), /no field for nonsense/);
});
