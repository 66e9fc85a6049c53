import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "../../../../component-base/random.ts";
import { IpAllocator } from "./ip-allocator.ts";
import { PortAllocator } from "./port-allocator.ts";

test("every address of a subnet is given out once, network and broadcast never", () => {
  const ips = new IpAllocator("10.0.0.77/28", new SeededRandom(1));
  assert.equal(ips.cidr, "10.0.0.64/28");
  assert.equal(ips.first, "10.0.0.65");
  const given = Array.from({ length: 14 }, () => ips.takeAny());
  assert.equal(new Set(given).size, 14);
  assert.ok(!given.includes("10.0.0.64") && !given.includes("10.0.0.79"));
  assert.equal(ips.takeAny(), undefined);
  ips.release("10.0.0.70");
  assert.equal(ips.takeAny(), "10.0.0.70");
});

test("the low end is left for addresses people choose while there is room", () => {
  const ips = new IpAllocator("10.96.0.0/16", new SeededRandom(1));
  for (let i = 0; i < 1000; i++) {
    const [, , third, fourth] = (ips.takeAny() ?? "").split(".").map(Number);
    assert.ok((third ?? 0) * 256 + (fourth ?? 0) > 256);
  }
});

test("addresses come of further subnets, too, while these are there; what was taken stays taken", () => {
  const ips = new IpAllocator("10.0.0.0/30", new SeededRandom(1));
  assert.equal(ips.take("10.1.0.1"), "the provided network does not match the current range");
  ips.setOthers(["10.1.0.0/30", "fd00::/64"]);
  assert.equal(ips.take("10.1.0.1"), undefined);
  const given = Array.from({ length: 3 }, () => ips.takeAny());
  assert.deepEqual(new Set(given), new Set(["10.0.0.1", "10.0.0.2", "10.1.0.2"]));
  assert.equal(ips.takeAny(), undefined);
  ips.setOthers([]);
  assert.equal(ips.take("10.1.0.1"), "the provided network does not match the current range");
  ips.setOthers(["10.1.0.0/29"]);
  assert.equal(ips.take("10.1.0.1"), "provided IP is already allocated");
  ips.release("10.1.0.1");
  assert.equal(ips.take("10.1.0.1"), undefined);
});

test("what cannot be had says why", () => {
  const ips = new IpAllocator("10.0.0.0/24", new SeededRandom(1));
  assert.equal(ips.take("10.0.0.5"), undefined);
  assert.equal(ips.take("10.0.0.5"), "provided IP is already allocated");
  assert.equal(ips.take("10.1.0.5"), "the provided network does not match the current range");
  const ports = new PortAllocator({ min: 30000, max: 30001, random: new SeededRandom(1) });
  assert.equal(ports.take(80), "provided port is not in the valid range. The range of valid ports is 30000-30001");
  assert.deepEqual(new Set([ports.takeAny(), ports.takeAny()]), new Set([30000, 30001]));
  assert.equal(ports.takeAny(), undefined);
  assert.equal(ports.take(30000), "provided port is already allocated");
});
