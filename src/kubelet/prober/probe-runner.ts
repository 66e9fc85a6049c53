import type { Container, Pod, Probe } from "../../api/core/v1/types.gen.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import { criErrorText, isCriError } from "../../cri-api/runtime/v1/cri-error.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { httpRequest, resolvePort } from "../lifecycle/handler-runner.ts";
import type { NetworkProber, ProbeResult } from "../ports.ts";

// As much of a probe command's output as upstream keeps.
const outputMax = 10 * 1024;

/** Runs one probe once. Never rejects: an error is a failure with its text. */
export class ProbeRunner {
  readonly #runtime: RuntimeService;
  readonly #prober: NetworkProber;

  constructor(options: { readonly runtime: RuntimeService; readonly prober: NetworkProber }) {
    this.#runtime = options.runtime;
    this.#prober = options.prober;
  }

  async run(
    target: { readonly pod: Pod; readonly container: Container; readonly containerId: string; readonly podIp: string },
    probe: Probe,
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
    const { container, podIp } = target;
    try {
      if (probe.exec) return await this.#exec(target.containerId, probe.exec.command ?? [], timeoutMs, signal);
      if (probe.httpGet) return await this.#prober.http(httpRequest(probe.httpGet, container, podIp, timeoutMs));
      if (probe.tcpSocket) {
        const port = resolvePort(probe.tcpSocket.port, container);
        return await this.#prober.tcp(probe.tcpSocket.host || podIp, port, timeoutMs);
      }
      if (probe.grpc) return await this.#prober.grpc(podIp, probe.grpc.port, probe.grpc.service ?? "", timeoutMs);
      return { result: "failure", output: "missing probe handler" };
    } catch (error) {
      return { result: "failure", output: criErrorText(error) };
    }
  }

  async #exec(
    containerId: string,
    command: readonly string[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ProbeResult> {
    try {
      const answer = await this.#runtime.execSync(containerId, command, timeoutMs / 1000, { signal });
      const output = (utf8Decode(answer.stdout) + utf8Decode(answer.stderr)).slice(0, outputMax);
      return { result: answer.exitCode === 0 ? "success" : "failure", output };
    } catch (error) {
      if (!isCriError(error, "deadlineExceeded")) throw error;
      return {
        result: "failure",
        output: `command timed out: ${JSON.stringify(command.join(" "))} timed out after ${timeoutMs / 1000}s`,
      };
    }
  }
}
