/** How long does `k8ts up` take until the node is Ready, on real containerd: the first time, and after `k8ts down`? */
import { clusterInWorld } from "./harness/cluster.ts";
import { report } from "./harness/report.ts";

const cluster = await clusterInWorld();
if (cluster) {
  const up = async (): Promise<number> => {
    const start = performance.now();
    await cluster.up();
    return performance.now() - start;
  };
  try {
    report("up.first", await up(), "ms", { atMost: 5_000 });
    await cluster.k8ts("down");
    report("up.second", await up(), "ms", { atMost: 5_000 });
    report("up.already-running", await up(), "ms");
  } finally {
    const start = performance.now();
    await cluster.k8ts("delete");
    report("up.delete", performance.now() - start, "ms");
  }
}
