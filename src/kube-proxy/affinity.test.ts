import assert from "node:assert/strict";
import { test } from "node:test";

import { affinityMap, rememberAgain, rememberedClients } from "./affinity.ts";
import type { ProxyEndpoint, ServicePort } from "./service-ports.ts";

const endpoints: readonly ProxyEndpoint[] = [
  { ip: "10.244.0.2", port: 8080, isLocal: true },
  { ip: "10.244.1.2", port: 8080, isLocal: false },
];

function port(overrides: Partial<ServicePort> = {}): ServicePort {
  return {
    key: "default/web//tcp",
    protocol: "tcp",
    port: 80,
    clusterIp: "10.96.0.5",
    nodePort: undefined,
    externalIps: [],
    loadBalancerIps: [],
    loadBalancerSourceRanges: [],
    affinitySeconds: 60,
    externalLocal: false,
    internalLocal: false,
    endpoints,
    localEndpoints: endpoints.filter((e) => e.isLocal),
    hasEndpoints: true,
    serving: new Set(),
    ...overrides,
  };
}

const idMax = 0x1fff_ffff;
const newIds = new Map([
  ["10.244.0.2", 7],
  ["10.244.1.2", 8],
]);
const idOf = ({ ip }: ProxyEndpoint): number | undefined => newIds.get(ip);

function left(client: string, id: number, expiresSeconds: number) {
  return { key: client, value: String(id), timeoutSeconds: 60, expiresSeconds };
}

test("a map's name is the same for the same port, and another for another port, time or locality", () => {
  const names = [
    affinityMap(port(), false),
    affinityMap(port(), true),
    affinityMap(port({ key: "default/web//udp" }), false),
    affinityMap(port({ affinitySeconds: 61 }), false),
  ];
  assert.equal(new Set(names).size, names.length);
  assert.equal(affinityMap(port({ endpoints: [], port: 81 }), false), names[0]);
});

test("clients come back under the new numbers of their endpoints, but for those whose endpoint or time is gone", () => {
  const [all, local] = [affinityMap(port(), false), affinityMap(port(), true)];
  const clients = rememberedClients(
    new Map([
      [
        "ep",
        [
          { key: String(0x2000_0000 + 1), value: "10.244.0.2 . 8080" },
          { key: String(0x8000_0000 + 1), value: "10.244.0.2 . 8080" },
          { key: String(0x2000_0000 + 2), value: "10.244.1.2 . 8080" },
          { key: String(0x2000_0000 + 3), value: "10.244.1.9 . 8080" },
        ],
      ],
      [all, [left("1.1.1.1", 1, 50), left("1.1.1.2", 2, 9), left("1.1.1.3", 3, 9), left("1.1.1.4", 2, 0)]],
      // Of what is remembered for local traffic, endpoints elsewhere are no longer for it.
      [local, [left("1.1.1.1", 1, 50), left("1.1.1.2", 2, 9)]],
      ["svc-pick", [{ key: "10.96.0.5 . tcp . 80 . 0", value: "1" }]],
    ]),
    idMax,
  );
  assert.equal(
    rememberAgain("ip t", port(), clients, idOf),
    `add element ip t ${all} { 1.1.1.1 timeout 60s expires 50s : 7, 1.1.1.2 timeout 60s expires 9s : 8 }\n` +
      `add element ip t ${local} { 1.1.1.1 timeout 60s expires 50s : 7 }\n`,
  );
  assert.equal(rememberAgain("ip t", port({ affinitySeconds: undefined }), clients, idOf), "");
  assert.equal(rememberAgain("ip t", port({ key: "default/other//tcp" }), clients, idOf), "");
});
