import type { Container, HTTPGetAction, LifecycleHandler, Pod } from "../../api/core/v1/types.gen.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import { criErrorText } from "../../cri-api/runtime/v1/cri-error.ts";
import type { HttpProbeRequest, NetworkProber } from "../ports.ts";

// Hooks have no timeout of their own: the grace period or the pod's end bounds them. This one bounds a single request.
const requestTimeoutMs = 30_000;

/** Runs postStart and preStop hooks. */
export class HandlerRunner {
  readonly #runtime: RuntimeService;
  readonly #prober: NetworkProber;
  readonly #clock: Clock;

  constructor(options: { readonly runtime: RuntimeService; readonly prober: NetworkProber; readonly clock: Clock }) {
    this.#runtime = options.runtime;
    this.#prober = options.prober;
    this.#clock = options.clock;
  }

  /** Rejects with the text for the hook's event. `podIp` may be empty for pods in the host's network. */
  async run(hook: Hook, signal: AbortSignal): Promise<void> {
    const { handler, container, containerId, podIp } = hook;
    if (handler.exec) {
      const command = handler.exec.command ?? [];
      const quoted = command.map((c) => `"${c}"`).join(" ");
      let result;
      try {
        result = await this.#runtime.execSync(containerId, command, 0, { signal });
      } catch (error) {
        throw new Error(
          `Exec lifecycle hook ([${quoted}]) for Container "${container.name}" in Pod "${hook.pod.metadata.name}" failed - error: ${criErrorText(error)}`,
          { cause: error },
        );
      }
      if (result.exitCode === 0) return;
      const output = utf8Decode(result.stdout) + utf8Decode(result.stderr);
      throw new Error(
        `Exec lifecycle hook ([${quoted}]) for Container "${container.name}" in Pod "${hook.pod.metadata.name}" failed - error: command '${command.join(" ")}' exited with ${result.exitCode}: ${output}, message: ${JSON.stringify(output)}`,
      );
    }
    if (handler.httpGet) {
      const answer = await this.#prober.http(httpRequest(handler.httpGet, container, podIp, requestTimeoutMs));
      if (answer.result === "failure") {
        throw new Error(
          `HTTP lifecycle hook (${handler.httpGet.path ?? ""}) for Container "${container.name}" in Pod "${hook.pod.metadata.name}" failed - error: ${answer.output}`,
        );
      }
      return;
    }
    if (handler.sleep) {
      await sleep(this.#clock, handler.sleep.seconds * 1000, signal);
      return;
    }
    throw new Error(`invalid handler: ${JSON.stringify(handler)}`);
  }
}

export interface Hook {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly handler: LifecycleHandler;
  readonly podIp: string;
}

/** The request an HTTP probe or hook makes. Throws when a named port is not there. */
export function httpRequest(
  action: HTTPGetAction,
  container: Container,
  podIp: string,
  timeoutMs: number,
): HttpProbeRequest {
  const path = action.path || "/";
  return {
    scheme: action.scheme ?? "HTTP",
    host: action.host || podIp,
    port: resolvePort(action.port, container),
    path: path.startsWith("/") ? path : `/${path}`,
    headers: action.httpHeaders ?? [],
    timeoutMs,
  };
}

/** A number, a number as text, or the name of one of the container's ports. */
export function resolvePort(port: number | string, container: Container): number {
  const numeric = Number(port);
  const named = container.ports?.find((p) => p.name === port)?.containerPort;
  const found = named ?? (Number.isInteger(numeric) ? numeric : 0);
  if (found > 0 && found < 65536) return found;
  throw new Error(
    named === undefined && typeof port === "string" ? `couldn't find port: ${port}` : `invalid port number: ${found}`,
  );
}
