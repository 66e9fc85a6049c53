import assert from "node:assert/strict";
import { test } from "node:test";
import type { UdpFlows } from "./ports.ts";
import type { ServicePort } from "./service-ports.ts";
import { staleUdpFlows } from "./udp-flows.ts";

function port(serving: readonly string[], more: Partial<ServicePort> = {}): ServicePort {
  return {
    key: "d/s/p/udp",
    protocol: "udp",
    port: 53,
    clusterIp: "10.96.0.9",
    nodePort: 30053,
    externalIps: [],
    loadBalancerIps: [],
    loadBalancerSourceRanges: [],
    affinitySeconds: undefined,
    externalLocal: false,
    internalLocal: false,
    endpoints: [],
    localEndpoints: [],
    hasEndpoints: true,
    serving: new Set(serving),
    ...more,
  };
}

const flow = (destinationIp: string, destinationPort: number, endpointIp: string, endpointPort: number): UdpFlows => ({
  destinationIp,
  destinationPort,
  endpointIp,
  endpointPort,
});

const here = flow("10.96.0.9", 53, "10.244.0.2", 8080);
const byNode = flow("192.0.2.1", 30053, "10.244.0.2", 8080);
const untranslated = flow("10.96.0.9", 53, "10.96.0.9", 53);
const foreign = flow("10.96.0.10", 53, "10.244.0.2", 8080);
const tracked = [here, byNode, untranslated, foreign];

const cases: readonly [what: string, before: readonly ServicePort[], now: readonly ServicePort[], UdpFlows[]][] = [
  ["an endpoint that serves on", [port([])], [port(["10.244.0.2 8080"])], [untranslated]],
  ["an endpoint that is gone", [port(["10.244.0.2 8080"])], [port(["10.244.0.3 8080"])], [here, byNode, untranslated]],
  [
    "an endpoint that serves on another port now",
    [port(["10.244.0.2 8080"])],
    [port(["10.244.0.2 9090"])],
    [here, byNode, untranslated],
  ],
  ["a port that is gone", [port(["10.244.0.2 8080"])], [], [here, byNode, untranslated]],
  ["another protocol", [port([], { protocol: "tcp" })], [], []],
];

for (const [what, before, now, expected] of cases) {
  test(`UDP flows to ${what}: ${expected.length} are stale`, () => {
    assert.deepEqual(staleUdpFlows(tracked, before, now), expected);
  });
}
