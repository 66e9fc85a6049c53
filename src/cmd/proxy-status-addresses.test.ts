import assert from "node:assert/strict";
import { test } from "node:test";
import { bindAddress } from "./proxy-status-addresses.ts";

const cases: readonly [text: string | undefined, expected: object][] = [
  [undefined, { metrics: { host: "127.0.0.1", port: 10_249 } }],
  ["", {}],
  ["0.0.0.0", { metrics: { host: "0.0.0.0", port: 10_249 } }],
  ["0.0.0.0:9", { metrics: { host: "0.0.0.0", port: 9 } }],
  ["[::]:9", { metrics: { host: "::", port: 9 } }],
  ["127.0.0.1:0", {}],
];

for (const [text, expected] of cases) {
  test(`--metrics-bind-address=${text}`, () => assert.deepEqual(bindAddress("metrics", text), expected));
}

test("what is no address is refused", () => {
  assert.throws(() => bindAddress("healthz", "a:b"), /--healthz-bind-address: not an address: a:b/);
  assert.throws(() => bindAddress("healthz", "0.0.0.0:99999"), /not an address/);
});
