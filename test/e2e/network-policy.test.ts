import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import type { NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from "../../src/api/networking/v1/types.gen.ts";
import { namespaces, networkPolicies, pods } from "../../src/api/resources.gen.ts";
import { createInformerFactory } from "../../src/client/cache/informer-factory.ts";
import type { ApiClient } from "../../src/client/rest/api-client.ts";
import { createApiClient } from "../../src/client/rest/rest-client.ts";
import { FakeApiServer } from "../../src/client/testing/fake-api-server.ts";
import { SystemClock } from "../../src/component-base/clock.ts";
import { createLogger, silentLogger } from "../../src/component-base/logger.ts";
import { SeededRandom } from "../../src/component-base/random.ts";
import type { LabelSelector } from "../../src/apimachinery/meta/v1/types.gen.ts";
import { PodRules } from "../../src/kube-proxy/pod-rules.ts";
import { execChecked } from "../../src/node/exec.ts";
import { linkLoopbackRouting } from "../../src/node/loopback-routing.ts";
import { nftablesApplier } from "../../src/node/nftables.ts";
import { NetworkLab, type Host } from "./network-lab/lab.ts";
import { enterWorld, eventually } from "./world.ts";

// Network policies and host ports judged by packets. A model says of each pair of pods, protocol and port whether the policies
// allow it; every case is tried with all of them.

const world = await enterWorld(["nft", "conntrack"]);
const skip = typeof world === "string" ? world : false;
const nodeIp = "198.18.0.1";
const caseCount = 110;
const stack = new AsyncDisposableStack();
const errors: string[] = [];
let client: ApiClient;
let lab: NetworkLab;
let applied = 0;

interface Member {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  readonly labels: Readonly<Record<string, string>>;
  /** The port its containers call `web`. */
  readonly web: number;
}

const namespaceLabels: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  x: { team: "red" },
  y: { team: "blue", tier: "back" },
};
const members: readonly Member[] = [
  { namespace: "x", name: "a", ip: "10.244.0.10", labels: { app: "a", role: "front" }, web: 80 },
  { namespace: "x", name: "b", ip: "10.244.0.11", labels: { app: "b" }, web: 81 },
  { namespace: "y", name: "a", ip: "10.244.0.130", labels: { app: "a" }, web: 81 },
  { namespace: "y", name: "b", ip: "10.244.0.131", labels: { app: "b", role: "front" }, web: 80 },
];
const outsideIp = "192.0.2.9";
const ports = [
  { protocol: "tcp", port: 80 },
  { protocol: "udp", port: 80 },
  { protocol: "udp", port: 81 },
] as const;
const hosts = new Map<string, Host>();

before(async () => {
  if (skip) return;
  lab = stack.use(new NetworkLab(nodeIp));
  await lab.start([]);
  const clock = new SystemClock();
  const random = new SeededRandom(1);
  client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  for (const [name, labels] of Object.entries({ ...namespaceLabels, "kube-system": {} })) {
    await client.resource(namespaces).create({ kind: "Namespace", metadata: { name, labels } });
  }
  await Promise.all(members.map(addMember));
  hosts.set(outsideIp, await lab.host("outside", outsideIp));
  for (const { protocol, port } of ports) await hosts.get(outsideIp)?.serve(protocol, port);
  const informers = stack.use(createInformerFactory({ client, clock, random, logger: silentLogger }));
  const applier = nftablesApplier();
  const rules = new PodRules({
    nodeName: "node",
    hostPortTable: "test-hostports",
    policyTable: "test-policy",
    dnsServiceIp: "10.96.0.10",
    informers,
    applier: {
      ...applier,
      apply: async (script) => {
        await applier.apply(script);
        applied++;
      },
    },
    loopback: linkLoopbackRouting,
    clock,
    logger: createLogger((record) => void errors.push(JSON.stringify(record)), "error"),
  });
  informers.start();
  const stop = new AbortController();
  const running = rules.run(stop.signal);
  stack.defer(async () => {
    stop.abort();
    await running;
  });
  await eventually("the rules are in force", async () => rules.hasSynced);
});

after(async () => {
  await stack.disposeAsync();
  assert.deepEqual(errors, []);
});

async function addMember({ namespace, name, ip, labels, web }: Member): Promise<void> {
  const host = await lab.host(`${namespace}-${name}`, ip);
  hosts.set(ip, host);
  for (const { protocol, port } of ports) await host.serve(protocol, port);
  const named = (["TCP", "UDP"] as const).map((protocol) => ({ name: "web", protocol, containerPort: web }));
  const created = await client.resource(pods, namespace).create({
    kind: "Pod",
    metadata: { name, labels },
    spec: { nodeName: "node", containers: [{ name: "main", ports: named }] },
  });
  await client.resource(pods, namespace).updateStatus({ ...created, status: { phase: "Running", podIPs: [{ ip }] } });
}

// The model, from the words of the API's documentation.

type Policy = { readonly namespace: string; readonly spec: NetworkPolicySpec };

function selects(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(selector.matchLabels ?? {});
  return (
    wanted.every(([key, value]) => labels[key] === value) &&
    (selector.matchExpressions ?? []).every(({ key, operator, values }) => {
      const value = labels[key];
      if (operator === "Exists") return value !== undefined;
      if (operator === "DoesNotExist") return value === undefined;
      const isAmong = value !== undefined && (values ?? []).includes(value);
      return operator === "In" ? isAmong : !isAmong;
    })
  );
}

function isWithin(cidr: string, ip: string): boolean {
  const number = (text: string): number => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const [address = "", bits = "32"] = cidr.split("/");
  const size = 2 ** (32 - Number(bits));
  return Math.floor(number(address) / size) === Math.floor(number(ip) / size);
}

function meets(peer: NetworkPolicyPeer, policy: Policy, ip: string): boolean {
  if (peer.ipBlock) {
    return isWithin(peer.ipBlock.cidr, ip) && !(peer.ipBlock.except ?? []).some((cidr) => isWithin(cidr, ip));
  }
  const member = members.find((m) => m.ip === ip);
  if (!member) return false;
  const isThere = peer.namespaceSelector
    ? selects(peer.namespaceSelector, namespaceLabels[member.namespace] ?? {})
    : member.namespace === policy.namespace;
  return isThere && selects(peer.podSelector ?? {}, member.labels);
}

function isPort(rule: NetworkPolicyPort, protocol: string, port: number, destination: Member | undefined): boolean {
  if ((rule.protocol ?? "TCP").toLowerCase() !== protocol) return false;
  if (rule.port === undefined) return true;
  if (typeof rule.port === "string") return rule.port === "web" && destination?.web === port;
  return rule.port <= port && port <= (rule.endPort ?? rule.port);
}

function allows(policies: readonly Policy[], from: string, to: string, protocol: string, port: number): boolean {
  const destination = members.find((m) => m.ip === to);
  return (["Ingress", "Egress"] as const).every((type) => {
    const own = members.find((m) => m.ip === (type === "Ingress" ? to : from));
    const other = type === "Ingress" ? from : to;
    const isolating = policies.filter(
      (p) =>
        own?.namespace === p.namespace && p.spec.policyTypes?.includes(type) && selects(p.spec.podSelector, own.labels),
    );
    if (isolating.length === 0) return true;
    return isolating.some((policy) => {
      const rules =
        type === "Ingress"
          ? (policy.spec.ingress ?? []).map((r) => ({ peers: r.from, ports: r.ports }))
          : (policy.spec.egress ?? []).map((r) => ({ peers: r.to, ports: r.ports }));
      return rules.some(
        (rule) =>
          (!rule.peers?.length || rule.peers.some((peer) => meets(peer, policy, other))) &&
          (!rule.ports?.length || rule.ports.some((p) => isPort(p, protocol, port, destination))),
      );
    });
  });
}

// Cases: each feature at least once, then combinations.

const selectors: readonly LabelSelector[] = [
  {},
  { matchLabels: { app: "a" } },
  { matchLabels: { app: "b" } },
  { matchExpressions: [{ key: "role", operator: "Exists" }] },
  { matchExpressions: [{ key: "role", operator: "DoesNotExist" }] },
  { matchExpressions: [{ key: "app", operator: "NotIn", values: ["b"] }] },
  { matchLabels: { app: "nobody" } },
];
const namespaceSelectors: readonly LabelSelector[] = [
  {},
  { matchLabels: { team: "red" } },
  { matchExpressions: [{ key: "tier", operator: "Exists" }] },
  { matchExpressions: [{ key: "team", operator: "In", values: ["blue", "green"] }] },
];
const blocks = [
  { cidr: "0.0.0.0/0" },
  { cidr: "10.244.0.0/25" },
  { cidr: "10.244.0.130/32" },
  { cidr: "0.0.0.0/0", except: ["10.244.0.0/24"] },
  { cidr: "10.244.0.0/24", except: ["10.244.0.10/31", "10.244.0.128/25", "10.244.0.130/32"] },
  { cidr: "192.0.2.0/24" },
];
const peerChoices: readonly (readonly NetworkPolicyPeer[] | undefined)[] = [
  undefined,
  ...selectors.map((podSelector) => [{ podSelector }]),
  ...namespaceSelectors.map((namespaceSelector) => [{ namespaceSelector }]),
  [{ namespaceSelector: namespaceSelectors[1] ?? {}, podSelector: selectors[1] ?? {} }],
  [{ namespaceSelector: {}, podSelector: selectors[3] ?? {} }],
  ...blocks.map((ipBlock) => [{ ipBlock }]),
  [{ podSelector: selectors[1] ?? {} }, { ipBlock: blocks[5] ?? { cidr: "" } }],
];
const portChoices: readonly (readonly NetworkPolicyPort[] | undefined)[] = [
  undefined,
  [{ port: 80 }],
  [{ protocol: "UDP", port: 80 }],
  [{ protocol: "UDP" }],
  [{ protocol: "UDP", port: 80, endPort: 90 }],
  [{ protocol: "UDP", port: "web" }],
  [{ port: "web" }, { protocol: "UDP", port: 81 }],
  [{ protocol: "SCTP", port: 80 }],
  [{ protocol: "TCP", port: "nothing" }],
];

function makeCase(index: number, random: SeededRandom): readonly Policy[] {
  const pick = <T>(of: readonly T[], at?: number): T =>
    of[(at ?? Math.floor(random.next() * of.length)) % of.length] as T;
  // The first cases step through peers and ports one by one; later ones are mixed at random.
  const isOrdered = index < peerChoices.length + portChoices.length;
  const policy = (n: number): Policy => {
    const types = pick([["Ingress"], ["Egress"], ["Ingress", "Egress"]] as const, isOrdered ? index : undefined);
    const rule = () => ({
      peers: pick(peerChoices, isOrdered ? Math.min(index, peerChoices.length) : undefined),
      ports: pick(portChoices, isOrdered ? Math.max(index - peerChoices.length, 0) : undefined),
    });
    const rules = Array.from({ length: isOrdered ? 1 : Math.floor(random.next() * 3) }, rule);
    const optional = (key: string, value: unknown) => (value ? { [key]: value } : {});
    return {
      namespace: pick(["x", "y"], isOrdered ? index >> 1 : n),
      spec: {
        podSelector: pick(selectors, isOrdered ? 0 : undefined),
        policyTypes: types,
        ...(types.some((t) => t === "Ingress")
          ? { ingress: rules.map((r) => ({ ...optional("from", r.peers), ...optional("ports", r.ports) })) }
          : {}),
        ...(types.some((t) => t === "Egress")
          ? { egress: rules.map((r) => ({ ...optional("to", r.peers), ...optional("ports", r.ports) })) }
          : {}),
      },
    };
  };
  return Array.from({ length: isOrdered ? 1 : 1 + Math.floor(random.next() * 3) }, (_, n) => policy(n));
}

async function setPolicies(policies: readonly Policy[]): Promise<void> {
  const before = applied;
  await client.resource(networkPolicies, "x").create({
    metadata: { name: `change-${before}` },
    spec: { podSelector: { matchLabels: { app: "a" } }, policyTypes: ["Egress"] },
  });
  for (const namespace of ["x", "y"]) {
    const resource = client.resource(networkPolicies, namespace);
    const { items } = await resource.list();
    for (const { metadata } of items) await resource.delete(metadata.name);
  }
  for (const [n, { namespace, spec }] of policies.entries()) {
    await client.resource(networkPolicies, namespace).create({ metadata: { name: `p${n}` }, spec });
  }
  // The last write's transaction is the last one: nothing tells when it is through but that nothing more comes.
  await eventually("the policies are in force", async () => {
    const seen = applied;
    await new Promise((resolve) => setTimeout(resolve, 60));
    return applied > before && applied === seen;
  });
}

interface Try {
  readonly from: string;
  readonly to: string;
  readonly protocol: "tcp" | "udp";
  readonly port: number;
}

const tries: readonly Try[] = [...members.map((m) => m.ip), outsideIp].flatMap((from) =>
  [...members.map((m) => m.ip), outsideIp].flatMap((to) =>
    from === to ? [] : ports.map((port): Try => ({ from, to, ...port })),
  ),
);

async function differences(policies: readonly Policy[]): Promise<readonly string[]> {
  const outcomes = await Promise.all(
    tries.map(async ({ from, to, protocol, port }) => {
      const expected = allows(policies, from, to, protocol, port);
      // What is to get through has time on a busy machine; a drop is seen as soon as it would have been answered.
      const timeoutMs = expected ? 3_000 : 120;
      const outcome = (await hosts.get(from)?.probe(protocol, to, port, { timeoutMs })) ?? "";
      const passed = outcome.includes(" ");
      return passed === expected ? [] : [`${from} → ${to} ${protocol} ${port}: ${outcome}, expected ${expected}`];
    }),
  );
  return outcomes.flat();
}

test(`${caseCount} sets of policies allow what the model allows`, { skip, timeout: 300_000 }, async () => {
  const random = new SeededRandom(20_261_128);
  const verdicts = { allowed: 0, refused: 0 };
  for (let index = 0; index < caseCount; index++) {
    const policies = makeCase(index, random);
    await setPolicies(policies);
    // A source port used again would belong to a flow that was allowed before.
    await execChecked("conntrack", ["-F"]);
    assert.deepEqual(await differences(policies), [], `case ${index}: ${JSON.stringify(policies)}`);
    for (const { from, to, protocol, port } of tries) {
      verdicts[allows(policies, from, to, protocol, port) ? "allowed" : "refused"]++;
    }
  }
  assert.ok(verdicts.allowed > 1_000 && verdicts.refused > 1_000, JSON.stringify(verdicts));
});

test("the node reaches isolated pods, and flows that were allowed go on", { skip }, async () => {
  await setPolicies([]);
  const [first, second] = members;
  assert.ok(first && second);
  const flow = { sourcePort: 4_000 };
  assert.match((await hosts.get(first.ip)?.probe("udp", second.ip, 80, flow)) ?? "", /^x-b /);
  await setPolicies([{ namespace: "x", spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } }]);
  assert.match(await lab.node.probe("tcp", second.ip, 80), /^x-b /);
  assert.match((await hosts.get(first.ip)?.probe("udp", second.ip, 80, flow)) ?? "", /^x-b /);
  assert.equal(await hosts.get(first.ip)?.probe("udp", second.ip, 80), "timeout");
});

test("labels of pods and namespaces change what is allowed", { skip }, async () => {
  const [first, second, third] = members;
  assert.ok(first && second && third);
  const spec = {
    podSelector: { matchLabels: { app: "b" } },
    policyTypes: ["Ingress"] as const,
    ingress: [
      {
        from: [{ podSelector: { matchLabels: { may: "in" } } }, { namespaceSelector: { matchLabels: { may: "in" } } }],
      },
    ],
  };
  await setPolicies([{ namespace: "x", spec }]);
  const reaches = async (from: Member): Promise<boolean> =>
    ((await hosts.get(from.ip)?.probe("udp", second.ip, 80)) ?? "").startsWith("x-b");
  assert.deepEqual([await reaches(first), await reaches(third)], [false, false]);
  await client.resource(pods, "x").patch("a", "merge", { metadata: { labels: { may: "in" } } });
  await client.resource(namespaces).patch("y", "merge", { metadata: { labels: { may: "in" } } });
  await eventually("both get in", async () => (await reaches(first)) && (await reaches(third)));
  await client.resource(pods, "x").patch("b", "merge", { metadata: { labels: { app: "free" } } });
  await client.resource(pods, "x").patch("a", "merge", { metadata: { labels: { may: null } } });
  await eventually("nothing isolates it any more", () => reaches(first));
});

test(
  "host ports lead to the pod: by any address, by one, from the node's loopback, from the pod itself",
  { skip },
  async () => {
    await setPolicies([]);
    const member = { namespace: "h", name: "h", ip: "10.244.0.50", labels: {}, web: 80 };
    const host = await lab.host("h-h", member.ip);
    for (const { protocol, port } of ports) await host.serve(protocol, port);
    const created = await client.resource(pods, "h").create({
      kind: "Pod",
      metadata: { name: "h" },
      spec: {
        nodeName: "node",
        containers: [
          {
            name: "main",
            ports: [
              { containerPort: 80, hostPort: 8_080, protocol: "TCP" },
              { containerPort: 80, hostPort: 8_080, protocol: "UDP" },
              { containerPort: 80, hostPort: 8_081, hostIP: "127.0.0.1", protocol: "TCP" },
            ],
          },
        ],
      },
    });
    await client
      .resource(pods, "h")
      .updateStatus({ ...created, status: { phase: "Running", podIP: member.ip, podIPs: [{ ip: member.ip }] } });
    const outside = hosts.get(outsideIp);
    assert.ok(outside);
    await eventually("the host port answers", async () =>
      (await outside.probe("tcp", nodeIp, 8_080)).startsWith("h-h"),
    );
    assert.match(await outside.probe("udp", nodeIp, 8_080), /^h-h 192\.0\.2\.9$/);
    assert.match(await host.probe("tcp", nodeIp, 8_080), /^h-h /);
    assert.match(await lab.node.probe("tcp", "127.0.0.1", 8_080), /^h-h /);
    assert.match(await lab.node.probe("udp", "127.0.0.1", 8_080, { sourceHost: "127.0.0.1" }), /^h-h /);
    assert.match(await lab.node.probe("tcp", "127.0.0.1", 8_081), /^h-h /);
    assert.equal(await outside.probe("tcp", nodeIp, 8_081), "ECONNREFUSED");
    await client.resource(pods, "h").delete("h", { gracePeriodSeconds: 0 });
    await eventually("it is gone", async () => (await outside.probe("tcp", nodeIp, 8_080)) === "ECONNREFUSED");
  },
);
