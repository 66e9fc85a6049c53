import assert from "node:assert/strict";
import { test } from "node:test";

import { ipv4, ipv6 } from "./families.ts";
import { RuleTable } from "./rule-table.ts";
import { EndpointIds, serviceRules, serviceTableBase, type RulesConfig } from "./service-rules.ts";
import type { ServicePort } from "./service-ports.ts";

const config: RulesConfig = { family: ipv4, table: "test", podCidr: "10.244.0.0/16", nodePortAddresses: [] };

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
    hasEndpoints: endpoints.length > 0,
    serving: new Set(endpoints.map((e) => `${e.ip} ${e.port}`)),
    ...overrides,
  };
}

/** A table that holds what it was told so far, as if the kernel had taken it. */
class Tested {
  readonly table = new RuleTable("ip test", serviceTableBase(config));
  readonly ids = new EndpointIds();

  /** The transaction. */
  put(...ports: readonly ServicePort[]): string {
    this.table.set(
      "default/web",
      ports.length === 0 ? undefined : serviceRules("default/web", ports, config, this.ids),
    );
    const script = this.table.transaction();
    this.table.applied();
    return script;
  }

  get(set: string): readonly (readonly [string, string])[] {
    return [...this.table.elementsOf(set)];
  }
}

test("a service address leads to a chain for its number of endpoints, and each pick to an endpoint", () => {
  const t = new Tested();
  t.put(port());
  assert.deepEqual(t.get("svc"), [["10.96.0.5 . tcp . 80", "goto svc-pick-2"]]);
  assert.deepEqual(
    t.get("svc-pick").map(([, id]) => t.table.elementsOf("ep").get(id)),
    ["10.244.0.2 . 8080", "10.244.1.2 . 8080"],
  );
  assert.deepEqual(t.get("hairpin"), [["10.244.0.2 . 10.244.0.2", ""]]);
  assert.deepEqual([...t.table.chains.keys()], ["svc-pick-2"]);
});

test("no endpoints refuse, no local endpoints drop", () => {
  const t = new Tested();
  t.put(port({ endpoints: [], nodePort: 30080 }));
  assert.deepEqual(t.get("svc-noep"), [["10.96.0.5 . tcp . 80", "goto refuse"]]);
  assert.deepEqual(t.get("np-noep"), [["tcp . 30080", "goto refuse"]]);
  const remote = [{ ip: "10.244.1.2", port: 8080, isLocal: false }];
  t.put(port({ endpoints: remote, externalLocal: true, internalLocal: true, nodePort: 30080 }));
  assert.deepEqual(t.get("svc-noep"), [["10.96.0.5 . tcp . 80", "drop"]]);
  assert.deepEqual(t.get("np"), [["tcp . 30080", "goto no-local-endpoints"]]);
  assert.deepEqual(t.get("np-all"), [["tcp . 30080", "goto np-pick-1"]]);
});

test("an endpoint keeps its id while another one comes and goes, and no id is used twice", () => {
  const t = new Tested();
  t.put(port());
  const idOf = (address: string): string | undefined => t.get("ep").find(([, a]) => a === address)?.[0];
  const before = idOf("10.244.1.2 . 8080");
  const other = idOf("10.244.0.2 . 8080");
  t.put(port({ endpoints: [{ ip: "10.244.1.2", port: 8080, isLocal: false }] }));
  assert.equal(idOf("10.244.1.2 . 8080"), before);
  t.put(port({ endpoints: [{ ip: "10.244.0.9", port: 8080, isLocal: true }] }));
  assert.notEqual(idOf("10.244.0.9 . 8080"), other);
});

test("a change of one endpoint touches only its elements and adds no chain", () => {
  const t = new Tested();
  t.put(port());
  const moved = [
    { ip: "10.244.0.2", port: 8080, isLocal: true },
    { ip: "10.244.1.9", port: 8080, isLocal: false },
  ];
  const script = t.put(port({ endpoints: moved }));
  assert.doesNotMatch(script, /add chain|svc \{|10\.244\.0\.2/);
  assert.match(script, /delete element ip test ep \{ \d+ : 10\.244\.1\.2 \. 8080 \}/);
  assert.match(script, /add element ip test ep \{ \d+ : 10\.244\.1\.9 \. 8080 \}/);
  assert.ok(script.indexOf("delete element") < script.indexOf("add element"));
});

test("nothing changed is no transaction; what is not known is loaded whole", () => {
  const t = new Tested();
  const whole = t.put(port());
  assert.equal(t.put(port()), "");
  t.table.forget();
  assert.equal(t.put(port()), whole);
});

test("all ways to a port share what affinity remembers, and it goes with the affinity", () => {
  const t = new Tested();
  const first = t.put(port({ affinitySeconds: 60, nodePort: 30080 }));
  assert.equal(first.match(/add map ip test affinity-[0-9a-f]+ /g)?.length, 1);
  assert.deepEqual([...t.table.chains.keys()].length, 2);
  const [name] = /affinity-[0-9a-f]+/.exec(first) ?? [];
  const off = t.put(port({ nodePort: 30080 }));
  assert.ok(off.includes(`delete map ip test ${name}`));
  const again = t.put(port({ affinitySeconds: 60, nodePort: 30080 }));
  // It is the same map by name, with nobody in it.
  assert.ok(again.includes(`add map ip test ${name} `));
});

test("an element two Services want stays until both are gone", () => {
  const table = new RuleTable("ip test", "");
  const rules = (value: string) => ({ elements: [{ set: "s", key: "k", value }], chains: new Map(), sets: new Map() });
  table.set("a", rules("1"));
  table.set("b", rules("2"));
  table.transaction();
  table.applied();
  table.set("a", undefined);
  assert.equal(table.transaction(), "delete element ip test s { k : 1 }\nadd element ip test s { k : 2 }\n");
  table.applied();
  table.set("b", undefined);
  assert.equal(table.transaction(), "delete element ip test s { k : 2 }\n");
});

test("IPv6 differs in names only", () => {
  const base = serviceTableBase({ ...config, family: ipv6, podCidr: "fd00::/56" });
  assert.match(base, /^table ip6 test/);
  assert.doesNotMatch(base, /ipv4_addr|ip daddr/);
});
