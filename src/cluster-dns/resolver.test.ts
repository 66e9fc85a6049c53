import assert from "node:assert/strict";
import { test } from "node:test";

import { endpointSlices, namespaces, services } from "../api/resources.gen.ts";
import { createInformerFactory } from "../client/cache/informer-factory.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { settle } from "../client/testing/drain.ts";
import { FakeApiServer } from "../client/testing/fake-api-server.ts";
import { silentLogger } from "../component-base/logger.ts";
import { SeededRandom } from "../component-base/random.ts";
import { SteppingClock } from "../component-base/stepping-clock.ts";
import { recordTypes, type Question } from "./message.ts";
import { ClusterResolver } from "./resolver.ts";

// Names and answers under random changes, against a model written from the DNS specification.

const domain = "cluster.local";
const rounds = 150;

interface Pod {
  readonly ip: string;
  readonly hostname?: string;
  readonly ready: boolean;
}

interface Entry {
  readonly namespace: string;
  readonly name: string;
  readonly kind: "cluster" | "headless" | "external";
  readonly clusterIP: string;
  readonly externalName: string;
  readonly publishNotReady: boolean;
  readonly ports: readonly { readonly name: string; readonly protocol: "TCP" | "UDP"; readonly port: number }[];
  readonly pods: readonly Pod[];
}

/** `records` sorted, or that the name does not exist. */
type Expected = readonly string[] | "NXDOMAIN";

/** Every record there is, by name, then by type; a name without records of a type still exists. */
function model(entries: readonly Entry[], allNamespaces: readonly string[]): Map<string, Map<string, string[]>> {
  const records = new Map<string, Map<string, string[]>>();
  const exists = (name: string): Map<string, string[]> => {
    const known = records.get(name) ?? new Map<string, string[]>();
    records.set(name, known);
    return known;
  };
  const add = (name: string, type: string, text: string): void => {
    const known = exists(name);
    const list = known.get(type) ?? [];
    if (!list.includes(text)) list.push(text);
    known.set(type, list);
  };
  exists(`svc.${domain}`);
  exists(`pod.${domain}`);
  for (const namespace of allNamespaces) {
    exists(`${namespace}.svc.${domain}`);
    exists(`${namespace}.pod.${domain}`);
  }
  const reverse = (ip: string): string => `${ip.split(".").reverse().join(".")}.in-addr.arpa`;
  for (const { namespace, name, kind, clusterIP, externalName, publishNotReady, ports, pods } of entries) {
    const own = `${name}.${namespace}.svc.${domain}`;
    if (kind === "external") {
      add(own, "CNAME", externalName);
      continue;
    }
    const srv = (port: Entry["ports"][number], target: string): void => {
      add(`_${port.name}._${port.protocol.toLowerCase()}.${own}`, "SRV", `${port.port} ${target}`);
      add(own, "SRV", `${port.port} ${target}`);
    };
    if (kind === "cluster") {
      add(own, "A", clusterIP);
      add(reverse(clusterIP), "PTR", own);
      for (const port of ports) srv(port, own);
      continue;
    }
    for (const { ip, hostname, ready } of pods) {
      const label = `${hostname ?? ip.replaceAll(".", "-")}.${own}`;
      add(reverse(ip), "PTR", label);
      if (!ready && !publishNotReady) continue;
      add(own, "A", ip);
      add(label, "A", ip);
      for (const port of ports) {
        srv(port, label);
        add(label, "SRV", `${port.port} ${label}`);
      }
    }
  }
  return records;
}

test(`answers equal a model through ${rounds} changes`, async () => {
  const clock = new SteppingClock();
  const random = new SeededRandom(11);
  const client = createApiClient({ transport: new FakeApiServer(clock, random), userAgent: "test", clock, random });
  const allNamespaces = ["shop", "bank"];
  for (const name of allNamespaces) await client.resource(namespaces).create({ kind: "Namespace", metadata: { name } });
  await using informers = createInformerFactory({ client, clock, random, logger: silentLogger, freeze: true });
  const resolver = new ClusterResolver({ clusterDomain: domain, informers });
  informers.start();
  const int = (below: number): number => Math.floor(random.next() * below);
  const entries = new Map<string, Entry>();
  const seen = new Set<string>([
    `nobody.shop.svc.${domain}`,
    `web.nowhere.svc.${domain}`,
    `x.y.web.shop.svc.${domain}`,
  ]);
  let checked = 0;

  const change = async (): Promise<void> => {
    const namespace = allNamespaces[int(2)] ?? "shop";
    const name = ["web", "db", "queue"][int(3)] ?? "web";
    const key = `${namespace}/${name}`;
    const [resource, slices] = [client.resource(services, namespace), client.resource(endpointSlices, namespace)];
    if (entries.has(key)) {
      await resource.delete(name);
      await slices.delete(`${name}-1`);
      entries.delete(key);
      if (int(3) === 0) return;
    }
    const entry: Entry = {
      namespace,
      name,
      kind: (["cluster", "headless", "headless", "external"] as const)[int(4)] ?? "cluster",
      clusterIP: `10.96.0.${1 + entries.size * 40 + int(40)}`,
      externalName: "db.example.org",
      publishNotReady: int(3) === 0,
      ports: [
        { name: "http", protocol: "TCP" as const, port: 80 },
        { name: "dns", protocol: "UDP" as const, port: 53 },
      ].slice(0, 1 + int(2)),
      pods: Array.from({ length: int(4) }, (_, n) => ({
        ip: `10.244.${int(250)}.${n}`,
        ready: int(3) > 0,
        ...(int(2) ? { hostname: `${name}-${n}` } : {}),
      })),
    };
    entries.set(key, entry);
    const { kind, ports, pods } = entry;
    await slices.create({
      kind: "EndpointSlice",
      metadata: { name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: ports.map((p) => ({ ...p })),
      endpoints: (kind === "headless" ? pods : []).map(({ ip, hostname, ready }) => ({
        addresses: [ip],
        conditions: { ready },
        ...(hostname ? { hostname } : {}),
      })),
    });
    await resource.create({
      kind: "Service",
      metadata: { name },
      spec: {
        ports,
        ...(kind === "external"
          ? { type: "ExternalName", externalName: entry.externalName }
          : { type: "ClusterIP", clusterIP: kind === "headless" ? "None" : entry.clusterIP }),
        publishNotReadyAddresses: entry.publishNotReady,
      },
    });
  };

  const ask = (name: string, type: keyof typeof recordTypes): Expected | undefined => {
    const answer = resolver.resolve(question(name, recordTypes[type]));
    if (!answer) return undefined;
    if (answer.code === 3) return "NXDOMAIN";
    assert.equal(answer.code, 0);
    if (answer.answers.length === 0) assert.equal(answer.authority[0]?.type, "SOA");
    return answer.answers.map(textOf).sort();
  };

  for (let round = 0; round < rounds; round++) {
    await change();
    await settle(100);
    const expected = model([...entries.values()], allNamespaces);
    for (const name of expected.keys()) seen.add(name);
    for (const name of seen) {
      const records = expected.get(name);
      for (const type of ["A", "AAAA", "SRV", "CNAME", "TXT", "PTR"] as const) {
        // An alias answers every type.
        const wanted = records ? [...(records.get("CNAME") ?? records.get(type) ?? [])].sort() : "NXDOMAIN";
        const actual = ask(name, type);
        checked++;
        // What is not the cluster's goes to others: reverse names it does not know.
        if (name.endsWith(".in-addr.arpa"))
          assert.deepEqual(actual, type === "PTR" && records ? wanted : undefined, name);
        else assert.deepEqual(actual, wanted, `${type} ${name} in round ${round}`);
      }
    }
  }
  assert.ok(checked > 10_000);
});

function textOf(record: { readonly type: string } & Record<string, unknown>): string {
  if (record.type === "A") return String(record["address"]);
  if (record.type === "SRV") return `${String(record["port"])} ${String(record["target"])}`;
  return String(record["target"]);
}

function question(name: string, type: number): Question {
  return {
    id: 1,
    opcode: 0,
    recursionDesired: true,
    name,
    type,
    class: 1,
    bytes: new Uint8Array(),
    udpSizeMax: 512,
    hasEdns: false,
  };
}
