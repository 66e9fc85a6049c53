import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { CpuUsage, MemoryUsage } from "../../cri-api/runtime/v1/types.ts";
import { formatTime } from "../../component-helpers/time.ts";
import type { PodRecord } from "../container/pod-record.ts";
import type { KubeletPorts } from "../ports.ts";

export interface StatsSource {
  readonly nodeName: string;
  readonly ports: KubeletPorts;
  readonly pods: () => readonly Pod[];
  readonly podRecord: (uid: string) => Promise<PodRecord>;
}

/** What `/stats/summary` answers: CPU and memory of node, pods and containers, from control groups. */
export async function statsSummary({ nodeName, ports, pods, podRecord }: StatsSource): Promise<unknown> {
  const usage = await ports.host.usage();
  const time = formatTime(usage.timestampMs);
  return {
    node: {
      nodeName,
      startTime: time,
      cpu: { time, usageCoreNanoSeconds: usage.cpuUsageCoreNanoSeconds },
      memory: { time, workingSetBytes: usage.memoryWorkingSetBytes, availableBytes: usage.memoryAvailableBytes },
      ...(usage.fileSystem ? { fs: { time, ...usage.fileSystem } } : {}),
      ...(usage.pids ? { rlimit: { time, maxpid: usage.pids.max, curproc: usage.pids.current } } : {}),
    },
    pods: await Promise.all(pods().map(async (pod) => podStats(pod, await podRecord(pod.metadata.uid), ports))),
  };
}

async function podStats(pod: Pod, record: PodRecord, ports: KubeletPorts): Promise<unknown> {
  const { name, namespace, uid } = pod.metadata;
  const stats = await ports.cgroups.podStats(uid);
  const running = record.containers.filter((c) => c.state === "running");
  return {
    podRef: { name, namespace, uid },
    startTime: pod.status.startTime ?? pod.metadata.creationTimestamp,
    ...usageFields(stats),
    containers: await Promise.all(
      running.map(async (container) => ({
        name: container.name,
        startTime: formatTime(container.startedAtMs),
        ...usageFields(await ports.cgroups.containerStats(uid, container.id)),
      })),
    ),
  };
}

function usageFields(
  stats: { readonly cpu?: CpuUsage; readonly memory?: MemoryUsage } | undefined,
): Readonly<Record<string, unknown>> {
  const out: Record<string, unknown> = {};
  if (stats?.cpu) {
    const { timestampMs, ...rest } = stats.cpu;
    out["cpu"] = { time: formatTime(timestampMs), ...rest };
  }
  if (stats?.memory) {
    const { timestampMs, ...rest } = stats.memory;
    out["memory"] = { time: formatTime(timestampMs), ...rest };
  }
  return out;
}
