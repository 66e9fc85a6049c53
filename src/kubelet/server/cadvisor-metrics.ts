import type { Pod } from "../../api/core/v1/types.gen.ts";
import { renderSamples } from "../../component-base/metrics.ts";
import { parseTime } from "../../component-helpers/time.ts";
import { findContainer } from "../api/pods.ts";
import { milliValue, wholeValue } from "../api/quantities.ts";
import { latestContainer, type PodRecord } from "../container/pod-record.ts";
import { cpuQuotaOf, cpuSharesOf } from "../kuberuntime/linux-resources.ts";
import type { HostFacts, InterfaceUsage } from "../ports.ts";
import type { ContainerStats, PodStats, Summary } from "../stats/summary.ts";

/** One pod with everything its samples are made of. */
export interface CadvisorPod {
  readonly pod: Pod;
  readonly record: PodRecord;
  readonly stats: PodStats;
  readonly interfaces: readonly InterfaceUsage[];
}

interface Group {
  readonly labels: Readonly<Record<string, string>>;
  readonly stats: Pick<ContainerStats, "cpu" | "memory" | "rootfs">;
  readonly processes?: number;
  readonly startTime?: string;
  readonly limits?: { readonly cpuMilli: number; readonly memoryBytes: number; readonly cpuShares: number };
}

interface Family {
  readonly type: "counter" | "gauge";
  readonly name: string;
  readonly help: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly read: (group: Group) => number | undefined;
}

const nanosPerSecond = 1e9;
const quotaPeriodUs = 100_000;

const families: readonly Family[] = [
  {
    type: "counter",
    name: "container_cpu_usage_seconds_total",
    help: "Cumulative cpu time consumed in seconds.",
    labels: { cpu: "total" },
    read: ({ stats }) => divided(stats.cpu?.usageCoreNanoSeconds, nanosPerSecond),
  },
  gauge(
    "container_memory_usage_bytes",
    "Current memory usage in bytes, including all memory regardless of when it was accessed",
    ({ stats }) => stats.memory?.usageBytes,
  ),
  gauge(
    "container_memory_working_set_bytes",
    "Current working set in bytes.",
    ({ stats }) => stats.memory?.workingSetBytes,
  ),
  gauge("container_memory_rss", "Size of RSS in bytes.", ({ stats }) => stats.memory?.rssBytes),
  gauge(
    "container_fs_usage_bytes",
    "Number of bytes that are consumed by the container on this filesystem.",
    ({ stats }) => stats.rootfs?.usedBytes,
  ),
  gauge("container_processes", "Number of processes running inside the container.", ({ processes }) => processes),
  gauge("container_start_time_seconds", "Start time of the container since unix epoch in seconds.", ({ startTime }) =>
    startTime === undefined ? undefined : parseTime(startTime) / 1000,
  ),
  gauge("container_spec_cpu_period", "CPU period of the container.", ({ limits }) =>
    limits ? quotaPeriodUs : undefined,
  ),
  gauge("container_spec_cpu_quota", "CPU quota of the container.", ({ limits }) =>
    limits && limits.cpuMilli > 0 ? cpuQuotaOf(limits.cpuMilli) : undefined,
  ),
  gauge("container_spec_cpu_shares", "CPU share of the container.", ({ limits }) => limits?.cpuShares),
  gauge("container_spec_memory_limit_bytes", "Memory limit for the container.", ({ limits }) => limits?.memoryBytes),
];

const networkFamilies = [
  ["container_network_receive_bytes_total", "Cumulative count of bytes received", "rxBytes"],
  ["container_network_receive_packets_total", "Cumulative count of packets received", "rxPackets"],
  [
    "container_network_receive_packets_dropped_total",
    "Cumulative count of packets dropped while receiving",
    "rxDropped",
  ],
  ["container_network_receive_errors_total", "Cumulative count of errors encountered while receiving", "rxErrors"],
  ["container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", "txBytes"],
  ["container_network_transmit_packets_total", "Cumulative count of packets transmitted", "txPackets"],
  [
    "container_network_transmit_packets_dropped_total",
    "Cumulative count of packets dropped while transmitting",
    "txDropped",
  ],
  ["container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting", "txErrors"],
] as const;

/**
 * What `/metrics/cadvisor` answers: the families dashboards and recording rules are made of, under cAdvisor's names.
 *
 * Differs from upstream: control groups of the node itself other than `/` and `/kubepods`, and families of single disks,
 * CPUs and memory zones, are not told.
 */
export function cadvisorMetrics(
  host: HostFacts,
  node: Summary["node"],
  pods: readonly CadvisorPod[],
  nodeInterfaces: readonly InterfaceUsage[],
): string {
  const machine = {
    boot_id: host.bootId,
    machine_id: host.machineId,
    system_uuid: host.systemUuid,
  };
  const groups = [...nodeGroups(node), ...pods.flatMap(podGroups)];
  const networks = [
    { labels: groupLabels({ id: "/" }), interfaces: nodeInterfaces },
    ...pods.map((entry) => ({ labels: sandboxLabels(entry), interfaces: entry.interfaces })),
  ];
  return [
    renderSamples(
      "gauge",
      "cadvisor_version_info",
      "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.",
      [
        {
          labels: {
            cadvisorRevision: "",
            cadvisorVersion: "",
            dockerVersion: "",
            kernelVersion: host.kernelVersion,
            osVersion: host.osImage,
          },
          value: 1,
        },
      ],
    ),
    ...families.map(({ type, name, help, labels, read }) =>
      renderSamples(
        type,
        name,
        help,
        groups.flatMap((group) => {
          const value = read(group);
          if (value === undefined) return [];
          const timestampMs = parseTime(group.stats.cpu?.time ?? group.stats.memory?.time);
          return [{ labels: { ...group.labels, ...labels }, value, ...(timestampMs > 0 ? { timestampMs } : {}) }];
        }),
      ),
    ),
    ...networkFamilies.map(([name, help, field]) =>
      renderSamples(
        "counter",
        name,
        help,
        networks.flatMap(({ labels, interfaces }) =>
          interfaces.map((i) => ({ labels: { ...labels, interface: i.name }, value: i[field] })),
        ),
      ),
    ),
    renderSamples("gauge", "machine_cpu_cores", "Number of logical CPU cores.", [
      { labels: machine, value: host.cpus },
    ]),
    renderSamples("gauge", "machine_memory_bytes", "Amount of memory installed on the machine.", [
      { labels: machine, value: host.memoryBytes },
    ]),
  ].join("");
}

function gauge(name: string, help: string, read: Family["read"]): Family {
  return { type: "gauge", name, help, read };
}

function divided(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

/** Every sample of a family has the same labels; what a group lacks is empty. */
function groupLabels(known: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { container: "", id: "", image: "", name: "", namespace: "", pod: "", ...known };
}

function nodeGroups(node: Summary["node"]): readonly Group[] {
  const pods = node.systemContainers?.find(({ name }) => name === "pods");
  return [
    { labels: groupLabels({ id: "/" }), stats: node, startTime: node.startTime },
    ...(pods ? [{ labels: groupLabels({ id: "/kubepods" }), stats: pods, startTime: pods.startTime }] : []),
  ];
}

function podLabels({ pod }: CadvisorPod): Readonly<Record<string, string>> {
  return { namespace: pod.metadata.namespace, pod: pod.metadata.name };
}

function sandboxLabels(entry: CadvisorPod): Readonly<Record<string, string>> {
  const id = entry.record.sandboxes[0]?.id ?? "";
  return groupLabels({ id: `/kubepods/pod${entry.pod.metadata.uid}/${id}`, name: id, ...podLabels(entry) });
}

/** The pod's own group, then its containers'. */
function podGroups(entry: CadvisorPod): readonly Group[] {
  const { pod, record, stats } = entry;
  const id = `/kubepods/pod${pod.metadata.uid}`;
  const containers = stats.containers.map((container): Group => {
    const found = latestContainer(record, container.name);
    const { requests, limits } = findContainer(pod, container.name)?.resources ?? {};
    const cpuMilli = milliValue(limits?.["cpu"]);
    const cpuRequest = requests?.["cpu"] === undefined ? cpuMilli : milliValue(requests["cpu"]);
    return {
      labels: groupLabels({
        ...podLabels(entry),
        container: container.name,
        id: `${id}/${found?.id ?? ""}`,
        image: found?.image ?? "",
        name: found?.id ?? "",
      }),
      stats: container,
      startTime: container.startTime,
      limits: { cpuMilli, memoryBytes: wholeValue(limits?.["memory"]), cpuShares: cpuSharesOf(cpuRequest) },
    };
  });
  const processes = stats.process_stats?.process_count;
  return [
    {
      labels: groupLabels({ ...podLabels(entry), id }),
      stats,
      startTime: stats.startTime,
      ...(processes === undefined ? {} : { processes }),
    },
    ...containers,
  ];
}
