import assert from "node:assert/strict";
import { endianness } from "node:os";
import { test } from "node:test";

import { overlaps } from "./node-namespaces.ts";
import { parseRouteTable, routeCommands } from "./node-routes.ts";

test("only routes that differ are touched", () => {
  const kept = { podCidr: "10.244.1.0/24", nodeIp: "172.30.0.2" };
  const present = [
    kept,
    { podCidr: "10.244.2.0/24", nodeIp: "172.30.0.3" },
    { podCidr: "10.244.3.0/24", nodeIp: "172.30.0.4" },
  ];
  const wanted = [
    kept,
    { podCidr: "10.244.3.0/24", nodeIp: "172.30.0.9" },
    { podCidr: "10.244.4.0/24", nodeIp: "172.30.0.5" },
  ];
  assert.deepEqual(
    routeCommands(present, wanted).map((line) => line.replace(/ proto \d+$/, "")),
    [
      "route delete 10.244.2.0/24",
      "route replace 10.244.3.0/24 via 172.30.0.9",
      "route replace 10.244.4.0/24 via 172.30.0.5",
    ],
  );
  assert.deepEqual(routeCommands(wanted, wanted), []);
});

test("ranges overlap when one holds the other; everything's range does not count", () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ["172.30.0.0/24", "172.30.0.0/24", true],
    ["172.30.0.0/24", "172.16.0.0/12", true],
    ["172.30.0.0/24", "172.30.0.7", true],
    ["172.30.0.0/24", "172.30.1.0/24", false],
    ["172.30.0.0/24", "10.0.0.0/8", false],
    ["172.30.0.0/24", "0.0.0.0/0", false],
    ["255.255.255.0/24", "255.255.255.255", true],
  ];
  for (const [a, b, expected] of cases) {
    assert.equal(overlaps(a, b), expected, `${a} ${b}`);
    assert.equal(overlaps(b, a), expected, `${b} ${a}`);
  }
});

test("the kernel's table is read as routes over gateways", () => {
  const hex = (address: string): string => {
    const bytes = Buffer.from(address.split(".").map(Number));
    return (endianness() === "LE" ? bytes.reverse() : bytes).toString("hex").toUpperCase();
  };
  const line = (destination: string, gateway: string, mask: string): string =>
    `eth0\t${hex(destination)}\t${hex(gateway)}\t0003\t0\t0\t0\t${hex(mask)}\t0\t0\t0`.padEnd(127);
  const text = [
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT".padEnd(127),
    line("0.0.0.0", "172.30.0.1", "0.0.0.0"),
    line("10.244.1.0", "172.30.0.2", "255.255.255.0"),
    line("10.244.128.0", "172.30.0.3", "255.255.128.0"),
    line("172.30.0.0", "0.0.0.0", "255.255.255.0"),
    "",
  ].join("\n");
  assert.deepEqual(parseRouteTable(text), [
    { podCidr: "0.0.0.0/0", nodeIp: "172.30.0.1" },
    { podCidr: "10.244.1.0/24", nodeIp: "172.30.0.2" },
    { podCidr: "10.244.128.0/17", nodeIp: "172.30.0.3" },
  ]);
});
