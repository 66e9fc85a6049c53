import assert from "node:assert/strict";
import { test } from "node:test";
import { isGlobalUnicast } from "./ip-address.ts";
import { formatFieldErrorBody } from "./field-error.ts";
import { FieldPath } from "./field-path.ts";
import { formatIp, formatNetwork, parseIp, parseNetwork } from "./ip-address.ts";
import { validateCidr, validateInterfaceAddress, validateIp, validateLegacyIp } from "./ip.ts";

test("addresses print in canonical form", () => {
  const cases: [string, string | undefined][] = [
    ["1.2.3.4", "1.2.3.4"],
    ["010.002.3.4", "10.2.3.4"],
    ["256.1.1.1", undefined],
    ["1.2.3", undefined],
    ["", undefined],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["FE80:0:0:0:0:0:0:0abc", "fe80::abc"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
    ["::ffff:1.2.3.4", "1.2.3.4"],
    ["64:ff9b::1.2.3.4", "64:ff9b::102:304"],
    ["1::2::3", undefined],
    ["1:2:3:4:5:6:7", undefined],
    ["1:2:3:4:5:6:7:8:9", undefined],
    ["1:2:3:4:5:6:7::8", undefined],
    [":1:2:3:4:5:6:7", undefined],
    ["1.2.3.4::", undefined],
    ["fe80::1%eth0", undefined],
    ["12345::", undefined],
  ];
  for (const [text, canonical] of cases) {
    const ip = parseIp(text);
    assert.equal(ip && formatIp(ip), canonical, text);
  }
  const network = parseNetwork("10.1.2.3/8");
  assert.equal(network && formatNetwork(network), "10.0.0.0/8");
});

test("messages are upstream's", () => {
  const p = FieldPath.of("f");
  const bodies = (errors: ReturnType<typeof validateIp>) => errors.map(formatFieldErrorBody);
  assert.deepEqual(bodies(validateIp(p, "10.0.0.1")), []);
  assert.deepEqual(bodies(validateIp(p, "x")), [
    'Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
  ]);
  assert.deepEqual(bodies(validateIp(p, "FE80::1")), [
    'Invalid value: "FE80::1": must be in canonical form ("fe80::1")',
  ]);
  assert.deepEqual(bodies(validateIp(p, "010.0.0.1")), ['Invalid value: "010.0.0.1": must not have leading 0s']);
  assert.deepEqual(bodies(validateLegacyIp(p, "FE80::1", { strict: true })), []);
  assert.deepEqual(bodies(validateLegacyIp(p, "010.0.0.1", { strict: true, validOld: ["010.0.0.1"] })), []);
  assert.deepEqual(bodies(validateCidr(p, "10.0.0.0/24")), []);
  assert.deepEqual(bodies(validateCidr(p, "10.0.0.1/24")), [
    'Invalid value: "10.0.0.1/24": must not have bits set beyond the prefix length',
  ]);
  assert.deepEqual(bodies(validateCidr(p, "10.0.0.0/33")), [
    'Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ]);
  assert.deepEqual(bodies(validateInterfaceAddress(p, "10.0.0.1/24")), []);
});

test("global unicast addresses are those beyond this machine and its link", () => {
  const yes = ["10.0.0.1", "1.2.3.4", "240.0.0.1", "fd00::1", "2001:db8::1", "::2"];
  const no = [
    "127.0.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "239.1.1.1",
    "169.254.169.254",
    "::1",
    "::",
    "fe80::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "localhost",
    "",
  ];
  for (const text of yes) assert.equal(isGlobalUnicast(text), true, text);
  for (const text of no) assert.equal(isGlobalUnicast(text), false, text);
});
