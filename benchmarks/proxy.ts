/**
 * How long a change among 10,000 Services of 2 endpoints takes to be in force: the new rules, their difference to the old
 * ones and the nft transaction, in a network namespace of its own. The informer and the proxier's pause are left out. The full load and 100 changes at once beside it.
 */
import type { Service } from "../src/api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../src/api/discovery/v1/types.gen.ts";
import { ipv4 } from "../src/kube-proxy/families.ts";
import { RuleTable } from "../src/kube-proxy/rule-table.ts";
import { EndpointIds, serviceRules, serviceTableBase } from "../src/kube-proxy/service-rules.ts";
import { servicePorts } from "../src/kube-proxy/service-ports.ts";
import { nftablesApplier } from "../src/node/nftables.ts";
import { enterWorld } from "../test/e2e/world.ts";
import { report, skip } from "./harness/report.ts";
import { percentile } from "./harness/statistics.ts";

const count = 10_000;
const rounds = 30;

const world = await enterWorld(["nft"]);
if (typeof world === "string") skip(world);
else await measure();

async function measure(): Promise<void> {
  const config = { family: ipv4, table: "bench", podCidr: "10.244.0.0/16", nodePortAddresses: [] };
  const table = new RuleTable("ip bench", serviceTableBase(config));
  const ids = new EndpointIds();
  const applier = nftablesApplier();
  const put = (n: number, version: number): void => {
    const ports = servicePorts(service(n), [slice(n, version)], { name: "node", zone: undefined }, ipv4);
    table.set(`ns/s-${n}`, serviceRules(`ns/s-${n}`, ports, config, ids));
  };
  const sync = async (change: () => void): Promise<number> => {
    const start = performance.now();
    change();
    await applier.apply(table.transaction());
    table.applied();
    return performance.now() - start;
  };
  const load = await sync(() => {
    for (let n = 0; n < count; n++) put(n, 0);
  });
  const one: number[] = [];
  const hundred: number[] = [];
  for (let round = 1; round <= rounds; round++) {
    one.push(await sync(() => put((round * 311) % count, round)));
    hundred.push(
      await sync(() => {
        for (let i = 0; i < 100; i++) put((round * 100 + i * 7) % count, 100 + round);
      }),
    );
  }
  report("proxy.load.10000", load, "ms");
  report("proxy.change.10000.p50", percentile(one, 0.5), "ms", { atMost: 100 });
  report("proxy.change.10000.p95", percentile(one, 0.95), "ms");
  report("proxy.100-changes.10000.p50", percentile(hundred, 0.5), "ms");
}

function service(n: number): Service {
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { namespace: "ns", name: `s-${n}`, uid: `${n}`, resourceVersion: "1", creationTimestamp: "" },
    spec: {
      type: "ClusterIP",
      clusterIP: `10.96.${n >> 8}.${n & 255}`,
      ports: [{ port: 80, protocol: "TCP", targetPort: 8080 }],
    },
    status: { loadBalancer: {} },
  };
}

/** The second endpoint changes with the version. */
function slice(n: number, version: number): EndpointSlice {
  const address = (i: number): string => `10.244.${(i >> 8) & 255}.${i & 255}`;
  return {
    metadata: { namespace: "ns", name: `s-${n}`, labels: { "kubernetes.io/service-name": `s-${n}` } },
    addressType: "IPv4",
    ports: [{ name: "", port: 8080, protocol: "TCP" }],
    endpoints: [n * 2, n * 2 + 1 + version * 2].map((i) => ({
      addresses: [address(i)],
      conditions: { ready: true },
      nodeName: "node",
    })),
  } as unknown as EndpointSlice;
}
