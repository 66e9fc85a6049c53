import * as https from "node:https";
import * as net from "node:net";
import { status } from "@grpc/grpc-js";

import type { HttpProbeRequest, NetworkProber, ProbeResult } from "../kubelet/ports.ts";
import { GrpcPackage } from "./grpc-client.ts";
import { grpcHealthProto } from "./proto/containerd.ts";
import { http } from "./http-module.ts";

// As upstream's probes name themselves.
const userAgent = "kube-probe/1.36";
const bodyBytesMax = 10 * 1024;
const redirectsMax = 10;
const redirectCodes: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

interface Answer {
  readonly statusCode: number;
  readonly location: string | undefined;
  readonly body: string;
}

/** Probes from this process's network namespace, a new connection each. */
export class SocketNetworkProber implements NetworkProber {
  readonly #health = new GrpcPackage(grpcHealthProto);

  async http(request: HttpProbeRequest): Promise<ProbeResult> {
    const host = net.isIPv6(request.host) ? `[${request.host}]` : request.host;
    const signal = AbortSignal.timeout(request.timeoutMs);
    try {
      let url = new URL(`${request.scheme.toLowerCase()}://${host}:${request.port}${absolute(request.path)}`);
      const { hostname } = url;
      for (let redirects = 0; ; redirects++) {
        const answer = await get(url, probeHeaders(request), signal);
        if (answer.location === undefined || !redirectCodes.has(answer.statusCode)) return judge(answer);
        if (redirects >= redirectsMax) return failure(`Get ${quoted(url)}: stopped after ${redirectsMax} redirects`);
        url = new URL(answer.location, url);
        if (url.hostname !== hostname || !/^https?:$/.test(url.protocol)) {
          return { result: "warning", output: `Probe terminated redirects, Response body: ${answer.body}` };
        }
      }
    } catch (error) {
      const target = `${request.scheme.toLowerCase()}://${host}:${request.port}${absolute(request.path)}`;
      return failure(`Get ${JSON.stringify(target)}: ${reason(error, signal)}`);
    }
  }

  tcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
    return new Promise((resolve) => {
      const socket = net.connect({ host, port });
      const finish = (result: ProbeResult): void => {
        clearTimeout(timer);
        socket.destroy();
        resolve(result);
      };
      const where = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
      const timer = setTimeout(() => finish(failure(`dial tcp ${where}: i/o timeout`)), timeoutMs);
      socket.on("connect", () => finish({ result: "success", output: "" }));
      socket.on("error", (error) => finish(failure(goText(error))));
    });
  }

  async grpc(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeResult> {
    const target = net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
    const client = this.#health.client("Health", target, { userAgent });
    try {
      const response = await client.call("Check", { service }, { timeoutMs });
      if (response["status"] === "SERVING") return { result: "success", output: "service healthy" };
      return failure(`service unhealthy (responded with "${String(response["status"])}")`);
    } catch (error) {
      const { code, details } = error as { readonly code?: number; readonly details?: string };
      if (code === status.UNIMPLEMENTED) {
        return failure(
          `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`,
        );
      }
      if (code === status.DEADLINE_EXCEEDED || code === status.UNAVAILABLE) {
        return failure(
          `timeout: failed to connect service ${JSON.stringify(target)} within ${goDuration(timeoutMs)}: ${details}`,
        );
      }
      return failure(`error: health rpc probe failed: ${details ?? String(error)}`);
    } finally {
      client.close();
    }
  }
}

function judge({ statusCode, body }: Answer): ProbeResult {
  if (statusCode >= 200 && statusCode < 400) return { result: "success", output: body };
  return failure(`HTTP probe failed with statuscode: ${statusCode}`);
}

function get(url: URL, headers: readonly string[], signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { request } = url.protocol === "https:" ? https : http;
    const options = { method: "GET", agent: false as const, rejectUnauthorized: false, signal, setHost: false };
    const outgoing = request(url, { ...options, headers: withHost(headers, url) }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = (): void => {
        const body = Buffer.concat(chunks).subarray(0, bodyBytesMax).toString("utf8");
        resolve({ statusCode: response.statusCode ?? 0, location: response.headers.location, body });
        outgoing.destroy();
      };
      response.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        // The answer is known; the rest of the body is nobody's.
        if (size >= bodyBytesMax) finish();
      });
      response.on("end", finish);
      response.on("error", reject);
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

/** Name, value, name, value: repeated names stay apart. An empty value for a default header takes it away, as upstream. */
function probeHeaders(request: HttpProbeRequest): readonly string[] {
  const given = new Set(request.headers.map(({ name }) => name.toLowerCase()));
  const defaults = [
    ["User-Agent", userAgent],
    ["Accept", "*/*"],
    ["Connection", "close"],
  ].filter(([name = ""]) => !given.has(name.toLowerCase()));
  const own = request.headers.filter(({ name, value }) => value !== "" || !/^(accept|user-agent)$/i.test(name));
  return [...defaults.flat(), ...own.flatMap(({ name, value }) => [name, value])];
}

function withHost(headers: readonly string[], url: URL): readonly string[] {
  const hasHost = headers.some((text, i) => i % 2 === 0 && text.toLowerCase() === "host");
  return hasHost ? headers : ["Host", url.host, ...headers];
}

function absolute(path: string): string {
  return path.startsWith("/") ? path : `/${path}`;
}

function failure(output: string): ProbeResult {
  return { result: "failure", output };
}

function reason(error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return "context deadline exceeded (Client.Timeout exceeded while awaiting headers)";
  return goText(error);
}

// What Go prints for the errors users meet most; they look for these words in events.
function goText(error: unknown): string {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const where = address === undefined ? "" : `dial tcp ${net.isIPv6(address) ? `[${address}]` : address}:${port}: `;
  const words: Readonly<Record<string, string>> = {
    ECONNREFUSED: "connect: connection refused",
    EHOSTUNREACH: "connect: no route to host",
    ENETUNREACH: "connect: network is unreachable",
    ECONNRESET: "read: connection reset by peer",
    EPIPE: "EOF",
  };
  const text = code === undefined ? undefined : words[code];
  return text === undefined ? message : `${text.startsWith("connect") ? where : ""}${text}`;
}

function quoted(url: URL): string {
  return JSON.stringify(url.href);
}

function goDuration(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`;
}
