import type { Pod, PodStatus } from "../../api/core/v1/types.gen.ts";
import { utf8Encode } from "../../component-base/bytes.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { HttpHandler, HttpRequest, HttpResponse } from "../../component-base/http.ts";
import { errorText } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import { criErrorText, isCriError } from "../../cri-api/runtime/v1/cri-error.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { findContainer } from "../api/pods.ts";
import type { ResolvedConfig } from "../config.ts";
import { completeConfiguration, kubeletConfigFrom } from "../config/kubelet-configuration.ts";
import { type ContainerRecord, latestContainer, type PodRecord } from "../container/pod-record.ts";
import type { PodRecordCache } from "../pleg/pod-record-cache.ts";
import type { KubeletPorts } from "../ports.ts";
import { writeContainerLog } from "./container-log.ts";
import { cadvisorMetrics } from "./cadvisor-metrics.ts";
import { nodeLogs } from "./node-logs.ts";
import { volumeMetrics } from "./volume-metrics.ts";
import { resourceMetrics } from "./resource-metrics.ts";
import type { StatsProvider } from "../stats/stats-provider.ts";

export interface KubeletServerOptions {
  readonly nodeName: string;
  readonly runtime: RuntimeService;
  readonly ports: KubeletPorts;
  readonly clock: Clock;
  readonly records: PodRecordCache;
  readonly pods: () => readonly Pod[];
  readonly podRecord: (uid: string) => Promise<PodRecord>;
  readonly status: (uid: string) => PodStatus | undefined;
  readonly metrics: MetricRegistry;
  readonly probeMetrics: MetricRegistry;
  readonly stats: StatsProvider;
  readonly config: ResolvedConfig;
  readonly problem: () => string | undefined;
}

// How often a followed log is looked at; the runtime tells nobody of writes.
const logPollMs = 250;

/** A request that cannot be served, with its HTTP status. */
class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

type Route = (request: HttpRequest, parts: readonly string[]) => Promise<HttpResponse>;

/** The kubelet's own API, by first path segment. */
export function createKubeletServer(options: KubeletServerOptions): HttpHandler {
  const streaming = new Streaming(options);
  const routes: Readonly<Record<string, Route>> = {
    healthz: async () => health(options),
    pods: async () => json(podList(options)),
    runningpods: async () => json(await runningPods(options)),
    containerLogs: (request, parts) => containerLogs(options, request, parts),
    exec: (request, parts) => streaming.exec(request, parts),
    attach: (request, parts) => streaming.attach(request, parts),
    portForward: (request, parts) => streaming.portForward(request, parts),
    run: (request, parts) => streaming.run(request, parts),
    configz: async () => json({ kubeletconfig: wholeConfiguration(options.config) }),
    metrics: (_, parts) => metrics(options, parts),
    stats: async ({ query }, parts) => {
      if (parts[0] !== "summary") throw new HttpError(404, "404 page not found");
      const isShort = query.get("only_cpu_and_memory") === "true";
      return json(await (isShort ? options.stats.cpuAndMemory() : options.stats.summary()), wholeSeconds);
    },
    logs: async (_, parts) => {
      const found = await nodeLogs(options.ports.fileSystem, options.config.nodeLogsDirectory, parts);
      if (!found) throw new HttpError(404, "404 page not found");
      return found;
    },
  };
  return async (request) => {
    const [first = "", ...parts] = request.path
      .split("/")
      .filter((p) => p !== "")
      .map(decode);
    try {
      const route = Object.hasOwn(routes, first) ? routes[first] : undefined;
      if (!route) throw new HttpError(404, "404 page not found");
      return await route(request, parts);
    } catch (error) {
      if (error instanceof HttpError) return text(error.status, error.message);
      if (isCriError(error, "notFound")) return text(404, criErrorText(error));
      return text(500, criErrorText(error));
    }
  };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new HttpError(400, "malformed path");
  }
}

function text(status: number, body: string): HttpResponse {
  return { status, headers: { "content-type": "text/plain; charset=utf-8" }, body: utf8Encode(body) };
}

function json(value: unknown, replacer?: (key: string, value: unknown) => unknown): HttpResponse {
  const body = utf8Encode(JSON.stringify(value, replacer));
  return { status: 200, headers: { "content-type": "application/json" }, body };
}

/** Times as the API writes them. */
function wholeSeconds(key: string, value: unknown): unknown {
  return (key === "time" || key === "startTime") && typeof value === "string" ? value.replace(/\.\d+Z$/, "Z") : value;
}

function health({ problem }: KubeletServerOptions): HttpResponse {
  const why = problem();
  return why === undefined ? text(200, "ok") : text(500, why);
}

function podList({ pods, status }: KubeletServerOptions): unknown {
  const items = pods().map((pod) => {
    const { apiVersion: _, kind: __, ...rest } = pod;
    return { ...rest, status: status(pod.metadata.uid) ?? pod.status };
  });
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

/** As the runtime has them: pods of which a container runs, with no more than name, uid and containers. */
async function runningPods({ pods, podRecord }: KubeletServerOptions): Promise<unknown> {
  const all = await Promise.all(
    pods().map(async ({ metadata: { name, namespace, uid } }) => {
      const running = (await podRecord(uid)).containers.filter((c) => c.state === "running");
      const containers = running.map((c) => ({ name: c.name, image: c.image, resources: {} }));
      return { metadata: { name, namespace, uid }, spec: { containers }, status: {} };
    }),
  );
  const items = all.filter((pod) => pod.spec.containers.length > 0);
  return { kind: "PodList", apiVersion: "v1", metadata: {}, items };
}

const prometheusText = "text/plain; version=0.0.4; charset=utf-8";

/** `/metrics` and the documents below it. */
async function metrics(options: KubeletServerOptions, [which, ...more]: readonly string[]): Promise<HttpResponse> {
  const document = more.length === 0 ? await metricsDocument(options, which) : undefined;
  if (document === undefined) throw new HttpError(404, "404 page not found");
  return { status: 200, headers: { "content-type": prometheusText }, body: utf8Encode(document) };
}

async function metricsDocument(options: KubeletServerOptions, which: string | undefined): Promise<string | undefined> {
  const { stats, ports, pods, podRecord } = options;
  switch (which) {
    case undefined:
      return options.metrics.render() + volumeMetrics(await stats.claimVolumes());
    case "probes":
      return options.probeMetrics.render();
    case "resource":
      // As upstream: a failure is a sample, so that whoever scrapes sees it.
      return resourceMetrics(await stats.cpuAndMemory().catch(() => undefined));
    case "cadvisor": {
      const { node, pods: all } = await stats.cpuAndMemory();
      const entries = all.flatMap((found) => {
        const pod = pods().find(({ metadata }) => metadata.uid === found.podRef.uid);
        return pod ? [{ pod, stats: found }] : [];
      });
      const complete = await Promise.all(
        entries.map(async (entry) => {
          const record = await podRecord(entry.pod.metadata.uid);
          return { ...entry, record, interfaces: await stats.podInterfaces(entry.pod, record) };
        }),
      );
      return cadvisorMetrics(await ports.host.facts(), node, complete, await ports.host.interfaces());
    }
    default:
      return undefined;
  }
}

/** A kubelet that nobody gave a configuration has one all the same. */
function wholeConfiguration({ configuration, ...config }: ResolvedConfig): unknown {
  if (Object.keys(configuration).length > 0) return configuration;
  const { clusterDns: clusterDNS, clusterDomain, maxPods, port, podLogsDirectory: podLogsDir } = config;
  return kubeletConfigFrom(completeConfiguration({ clusterDNS, clusterDomain, maxPods, port, podLogsDir }))
    .configuration;
}

interface Target {
  readonly pod: Pod;
  readonly record: PodRecord;
}

async function findPod(options: KubeletServerOptions, namespace = "", name = "", uid?: string): Promise<Target> {
  const pod = options
    .pods()
    .find((p) => p.metadata.namespace === namespace && p.metadata.name === name && (!uid || p.metadata.uid === uid));
  if (!pod) throw new HttpError(404, `pod "${name}" not found`);
  return { pod, record: await options.podRecord(pod.metadata.uid) };
}

/** `/containerLogs/{namespace}/{pod}/{container}` */
async function containerLogs(
  options: KubeletServerOptions,
  request: HttpRequest,
  [namespace, podName, containerName = ""]: readonly string[],
): Promise<HttpResponse> {
  const { query } = request;
  const { pod, record } = await findPod(options, namespace, podName);
  if (!findContainer(pod, containerName)) {
    throw new HttpError(404, `container ${containerName} not found in pod ${podName}`);
  }
  const container = logContainer(pod, record, containerName, query.get("previous") === "true");
  const { fileSystem } = options.ports;
  if ((await fileSystem.stat(container.logPath)) === undefined) {
    throw new HttpError(
      404,
      `failed to try resolving symlinks in path "${container.logPath}": no such file or directory`,
    );
  }
  const since = sinceMs(query, options.clock.now());
  const tailLines = wholeNumber(query, "tailLines");
  const limitBytes = wholeNumber(query, "limitBytes");
  const stream = query.get("stream");
  return {
    status: 200,
    headers: { "content-type": "text/plain", "transfer-encoding": "chunked" },
    body: (sink) =>
      writeContainerLog(
        {
          fileSystem,
          clock: options.clock,
          path: container.logPath,
          pollMs: logPollMs,
          isRunning: async () => {
            const now = await options.podRecord(pod.metadata.uid);
            return now.containers.some((c) => c.id === container.id && c.state === "running");
          },
        },
        {
          follow: query.get("follow") === "true",
          timestamps: query.get("timestamps") === "true",
          ...(tailLines === undefined ? {} : { tailLines }),
          ...(limitBytes === undefined ? {} : { limitBytes }),
          ...(since === undefined ? {} : { sinceMs: since }),
          ...(stream === "Stdout" ? { stream: "stdout" } : stream === "Stderr" ? { stream: "stderr" } : {}),
        },
        sink,
      ),
  };
}

function logContainer(pod: Pod, record: PodRecord, name: string, previous: boolean): ContainerRecord {
  const started = record.containers.filter((c) => c.name === name && c.state !== "created");
  const where = `container "${name}" in pod "${pod.metadata.name}"`;
  if (previous) {
    // The newest is the previous one while its successor waits to be started.
    const found = started[0]?.state === "running" ? started[1] : (started[1] ?? started[0]);
    if (!found) throw new HttpError(400, `previous terminated ${where} not found`);
    return found;
  }
  const newest = started[0];
  if (newest) return newest;
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  const waiting = statuses.find((s) => s.name === name)?.state.waiting;
  throw new HttpError(400, `${where} is waiting to start: ${waiting?.reason ?? "ContainerCreating"}`);
}

function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === "") return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0) throw new HttpError(400, `invalid ${name}: ${value}`);
  return number;
}

function sinceMs(query: URLSearchParams, nowMs: number): number | undefined {
  const seconds = wholeNumber(query, "sinceSeconds");
  if (seconds !== undefined) return nowMs - seconds * 1000;
  const time = query.get("sinceTime");
  if (!time) return undefined;
  const ms = Date.parse(time);
  if (Number.isNaN(ms)) throw new HttpError(400, `invalid sinceTime: ${time}`);
  return ms;
}

/** exec, attach and port-forward: the runtime gives a URL, the client's connection is handed on to it byte for byte. */
class Streaming {
  readonly #options: KubeletServerOptions;

  constructor(options: KubeletServerOptions) {
    this.#options = options;
  }

  /** `/exec/{namespace}/{pod}[/{uid}]/{container}?command=…&input=1&output=1&error=1&tty=1` */
  async exec(request: HttpRequest, parts: readonly string[]): Promise<HttpResponse> {
    const { id } = await this.#container(parts);
    const url = await this.#options.runtime.exec({
      containerId: id,
      command: request.query.getAll("command"),
      ...streams(request.query),
    });
    return this.#tunnel(url);
  }

  async attach(request: HttpRequest, parts: readonly string[]): Promise<HttpResponse> {
    const container = await this.#container(parts);
    const tty = container.spec?.tty === true;
    const url = await this.#options.runtime.attach({ containerId: container.id, ...streams(request.query), tty });
    return this.#tunnel(url);
  }

  /** `/portForward/{namespace}/{pod}[/{uid}]`; the ports travel inside the stream. */
  async portForward(request: HttpRequest, [namespace, name, uid]: readonly string[]): Promise<HttpResponse> {
    const { record } = await findPod(this.#options, namespace, name, uid);
    const sandbox = record.sandboxes.find((s) => s.state === "ready");
    if (!sandbox) throw new HttpError(404, `sandbox of pod "${name}" not found`);
    const ports = request.query
      .getAll("port")
      .flatMap((p) => p.split(","))
      .map(Number);
    return this.#tunnel(await this.#options.runtime.portForward(sandbox.id, ports));
  }

  /** `/run/…?cmd=…`: runs to the end, answers with the output. */
  async run(request: HttpRequest, parts: readonly string[]): Promise<HttpResponse> {
    const { id } = await this.#container(parts);
    const command = (request.query.get("cmd") ?? "").split(" ").filter((word) => word !== "");
    const answer = await this.#options.runtime.execSync(id, command, 0, { signal: request.signal });
    return { status: 200, headers: { "content-type": "text/plain" }, body: [answer.stdout, answer.stderr] };
  }

  async #container(
    parts: readonly string[],
  ): Promise<{ readonly id: string; readonly spec: ReturnType<typeof findContainer> }> {
    const [namespace, name, third = "", fourth] = parts;
    const containerName = fourth ?? third;
    const { pod, record } = await findPod(this.#options, namespace, name, fourth === undefined ? undefined : third);
    const found = latestContainer(record, containerName);
    if (found?.state !== "running") throw new HttpError(404, `container not found ("${containerName}")`);
    return { id: found.id, spec: findContainer(pod, containerName) };
  }

  #tunnel(url: string): HttpResponse {
    return {
      status: 101,
      headers: {},
      tunnel: { url, protocol: "raw", identity: this.#options.config.streamingIdentity },
    };
  }
}

function streams(query: URLSearchParams): {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
} {
  const has = (name: string): boolean => query.get(name) === "1" || query.get(name) === "true";
  const tty = has("tty");
  const chosen = { tty, stdin: has("input"), stdout: has("output"), stderr: has("error") && !tty };
  if (!chosen.stdin && !chosen.stdout && !chosen.stderr) {
    throw new HttpError(400, errorText(new Error("you must specify at least 1 of stdin, stdout, stderr")));
  }
  return chosen;
}
