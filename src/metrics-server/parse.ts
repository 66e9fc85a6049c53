/** Cumulative CPU time and memory at one moment. */
export interface UsagePoint {
  /** When it was measured, in ms since the epoch. */
  readonly timestampMs: number;
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
  /** When what is measured started, where that is known. */
  readonly startMs?: number;
}

/** One kubelet's `/metrics/resource`. */
export interface NodeReading {
  readonly node: UsagePoint | undefined;
  /** By `namespace/pod`, then by container name. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, UsagePoint>>;
}

interface Partial {
  timestampMs: number;
  cpuSeconds?: number;
  memoryBytes?: number;
  startMs?: number;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+(-?\d+))?$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

/** Reads the Prometheus text. What has no CPU or no memory sample is left out; lines of other families are skipped. */
export function parseResourceMetrics(text: string, receivedMs: number): NodeReading {
  const node: Partial = { timestampMs: 0 };
  const pods = new Map<string, Map<string, Partial>>();
  const containerOf = (labels: ReadonlyMap<string, string>): Partial => {
    const key = `${labels.get("namespace") ?? ""}/${labels.get("pod") ?? ""}`;
    const containers = pods.get(key) ?? new Map<string, Partial>();
    pods.set(key, containers);
    const name = labels.get("container") ?? "";
    const found = containers.get(name) ?? { timestampMs: 0 };
    containers.set(name, found);
    return found;
  };
  for (const line of text.split("\n")) {
    const match = line.startsWith("#") ? null : sampleLine.exec(line);
    if (!match) continue;
    const [, name, labelText = "", valueText, timeText] = match;
    const value = Number(valueText);
    if (!Number.isFinite(value)) continue;
    const timestampMs = timeText === undefined ? receivedMs : Number(timeText);
    const labels = (): ReadonlyMap<string, string> => parseLabels(labelText);
    switch (name) {
      case "node_cpu_usage_seconds_total":
        Object.assign(node, { cpuSeconds: value, timestampMs });
        break;
      case "node_memory_working_set_bytes":
        Object.assign(node, { memoryBytes: value });
        break;
      case "container_cpu_usage_seconds_total":
        Object.assign(containerOf(labels()), { cpuSeconds: value, timestampMs });
        break;
      case "container_memory_working_set_bytes":
        Object.assign(containerOf(labels()), { memoryBytes: value });
        break;
      case "container_start_time_seconds":
        Object.assign(containerOf(labels()), { startMs: value * 1000 });
        break;
      case undefined:
      default:
        break;
    }
  }
  return {
    node: complete(node),
    pods: new Map(
      [...pods].map(([pod, containers]) => [
        pod,
        new Map(
          [...containers].flatMap(([name, partial]) => {
            const point = complete(partial);
            return point ? [[name, point] as const] : [];
          }),
        ),
      ]),
    ),
  };
}

function complete({ timestampMs, cpuSeconds, memoryBytes, startMs }: Partial): UsagePoint | undefined {
  if (cpuSeconds === undefined || memoryBytes === undefined) return undefined;
  return { timestampMs, cpuSeconds, memoryBytes, ...(startMs === undefined ? {} : { startMs }) };
}

function parseLabels(text: string): ReadonlyMap<string, string> {
  const unescape = (value: string): string => value.replace(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));
  return new Map([...text.matchAll(labelPair)].map(([, key = "", value = ""]) => [key, unescape(value)]));
}
