import { type MetricSample, renderSamples } from "../../component-base/metrics.ts";
import { parseTime } from "../../component-helpers/time.ts";
import type { ContainerStats, CpuStats, MemoryStats, PodStats, Summary } from "../stats/summary.ts";

type Labels = Readonly<Record<string, string>>;
type Usage = { readonly cpu?: CpuStats; readonly memory?: MemoryStats };

const nanosPerSecond = 1e9;

/** What `/metrics/resource` answers: what metrics-server reads. Each sample carries the time it was measured at. */
export function resourceMetrics(summary: Summary | undefined): string {
  const pods = summary?.pods ?? [];
  const ofPods = pods.map((pod): readonly [Labels, PodStats] => [podLabels(pod), pod]);
  const ofContainers = pods.flatMap((pod) =>
    pod.containers.map((c): readonly [Labels, ContainerStats] => [{ container: c.name, ...podLabels(pod) }, c]),
  );
  const node: readonly (readonly [Labels, Usage])[] = summary ? [[{}, summary.node]] : [];
  const failed = [{ value: summary ? 0 : 1 }];
  return [
    family("counter", "container_cpu_usage_seconds_total", cpuHelp("container"), ofContainers, cpuSeconds),
    family("gauge", "container_memory_working_set_bytes", memoryHelp("container"), ofContainers, workingSet),
    family("gauge", "container_start_time_seconds", startHelp, ofContainers, started),
    family("counter", "node_cpu_usage_seconds_total", cpuHelp("node"), node, cpuSeconds),
    family("gauge", "node_memory_working_set_bytes", memoryHelp("node"), node, workingSet),
    family("counter", "pod_cpu_usage_seconds_total", cpuHelp("pod"), ofPods, cpuSeconds),
    family("gauge", "pod_memory_working_set_bytes", memoryHelp("pod"), ofPods, workingSet),
    renderSamples("gauge", "resource_scrape_error", scrapeHelp, failed),
    renderSamples("gauge", "scrape_error", `[ALPHA] (Deprecated since 1.29.0) ${scrapeHelp}`, failed),
  ].join("");
}

const startHelp = "[STABLE] Start time of the container since unix epoch in seconds";
const scrapeHelp = "1 if there was an error while getting container metrics, 0 otherwise";
const cpuHelp = (what: string): string => `[STABLE] Cumulative cpu time consumed by the ${what} in core-seconds`;
const memoryHelp = (what: string): string => `[STABLE] Current working set of the ${what} in bytes`;

function podLabels({ podRef }: PodStats): Labels {
  return { namespace: podRef.namespace, pod: podRef.name };
}

function family<T>(
  type: "counter" | "gauge",
  name: string,
  help: string,
  items: readonly (readonly [Labels, T])[],
  read: (item: T) => MetricSample | undefined,
): string {
  const samples = items.flatMap(([labels, item]) => {
    const sample = read(item);
    return sample ? [{ labels, ...sample }] : [];
  });
  return renderSamples(type, name, help, samples);
}

function cpuSeconds({ cpu }: Usage): MetricSample | undefined {
  if (cpu?.usageCoreNanoSeconds === undefined) return undefined;
  return { value: cpu.usageCoreNanoSeconds / nanosPerSecond, timestampMs: parseTime(cpu.time) };
}

function workingSet({ memory }: Usage): MetricSample | undefined {
  if (memory?.workingSetBytes === undefined) return undefined;
  return { value: memory.workingSetBytes, timestampMs: parseTime(memory.time) };
}

function started({ startTime }: ContainerStats): MetricSample | undefined {
  const ms = parseTime(startTime);
  return ms > 0 ? { value: ms / 1000 } : undefined;
}
