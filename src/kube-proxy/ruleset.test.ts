import assert from "node:assert/strict";
import { test } from "node:test";

import { diffRulesets, emptyRuleset } from "./ruleset-diff.ts";
import { buildRuleset, EndpointIds } from "./ruleset.ts";
import type { ServicePort } from "./service-ports.ts";

const config = { table: "test", podCidr: "10.244.0.0/16" };

function port(overrides: Partial<ServicePort> = {}): ServicePort {
  const endpoints = overrides.endpoints ?? [
    { ip: "10.244.0.2", port: 8080, isLocal: true },
    { ip: "10.244.1.2", port: 8080, isLocal: false },
  ];
  return {
    key: "default/web//tcp",
    protocol: "tcp",
    port: 80,
    clusterIp: "10.96.0.5",
    nodePort: undefined,
    externalIps: [],
    loadBalancerIps: [],
    loadBalancerSourceRanges: [],
    affinitySeconds: undefined,
    externalLocal: false,
    internalLocal: false,
    endpoints,
    localEndpoints: endpoints.filter((e) => e.isLocal),
    ...overrides,
  };
}

test("a service address leads to a chain for its number of endpoints, and each pick to an endpoint", () => {
  const { elements, chains } = buildRuleset([port()], config, new EndpointIds());
  assert.deepEqual([...(elements.get("svc") ?? [])], [["10.96.0.5 . tcp . 80", "goto svc-pick-2"]]);
  const ids = [...(elements.get("svc-pick") ?? [])].map(([, id]) => id);
  assert.deepEqual(
    ids.map((id) => elements.get("ep")?.get(id)),
    ["10.244.0.2 . 8080", "10.244.1.2 . 8080"],
  );
  assert.deepEqual([...(elements.get("hairpin")?.keys() ?? [])], ["10.244.0.2 . 10.244.0.2"]);
  assert.deepEqual([...chains.keys()], ["svc-pick-2"]);
});

test("no endpoints refuse, no local endpoints drop", () => {
  const none = buildRuleset([port({ endpoints: [], nodePort: 30080 })], config, new EndpointIds()).elements;
  assert.equal(none.get("svc-noep")?.get("10.96.0.5 . tcp . 80"), "goto refuse");
  assert.equal(none.get("np-noep")?.get("tcp . 30080"), "goto refuse");
  const remote = [{ ip: "10.244.1.2", port: 8080, isLocal: false }];
  const local = buildRuleset(
    [port({ endpoints: remote, localEndpoints: [], externalLocal: true, internalLocal: true, nodePort: 30080 })],
    config,
    new EndpointIds(),
  ).elements;
  assert.equal(local.get("svc-noep")?.get("10.96.0.5 . tcp . 80"), "drop");
  assert.equal(local.get("np-noep")?.get("tcp . 30080"), "drop");
  assert.equal(local.get("np-all")?.get("tcp . 30080"), "goto np-pick-1");
});

test("an endpoint keeps its id while another one comes and goes", () => {
  const ids = new EndpointIds();
  const idOf = (ports: readonly ServicePort[], address: string): string | undefined =>
    [...(buildRuleset(ports, config, ids).elements.get("ep") ?? [])].find(([, a]) => a === address)?.[0];
  const before = idOf([port()], "10.244.1.2 . 8080");
  const after = idOf([port({ endpoints: [{ ip: "10.244.1.2", port: 8080, isLocal: false }] })], "10.244.1.2 . 8080");
  assert.equal(after, before);
});

test("a change of one endpoint touches only its elements and adds no chain", () => {
  const ids = new EndpointIds();
  const before = buildRuleset([port()], config, ids);
  const moved = [
    { ip: "10.244.0.2", port: 8080, isLocal: true },
    { ip: "10.244.1.9", port: 8080, isLocal: false },
  ];
  const script = diffRulesets("test", before, buildRuleset([port({ endpoints: moved })], config, ids));
  assert.doesNotMatch(script, /add chain|svc \{|10\.244\.0\.2/);
  assert.match(script, /delete element ip test ep \{ \d+ : 10\.244\.1\.2 \. 8080 \}/);
  assert.match(script, /add element ip test ep \{ \d+ : 10\.244\.1\.9 \. 8080 \}/);
  assert.ok(script.indexOf("delete element") < script.indexOf("add element"));
});

test("equal rulesets differ by nothing", () => {
  const ids = new EndpointIds();
  const one = buildRuleset([port()], config, ids);
  assert.equal(diffRulesets("test", one, buildRuleset([port()], config, ids)), "");
  assert.notEqual(diffRulesets("test", emptyRuleset, one), "");
});
