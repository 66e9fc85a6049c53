import type { Pod } from "../../api/core/v1/types.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { RuntimeHandler, RuntimeStatus, VersionResponse } from "../../cri-api/runtime/v1/types.ts";

/** What is known of the container runtime's health; looked at with every node status. */
export class RuntimeState {
  readonly #runtime: RuntimeService;
  #version: VersionResponse | undefined;
  #status: RuntimeStatus | undefined;
  #error: string | undefined;

  constructor(runtime: RuntimeService) {
    this.#runtime = runtime;
  }

  get version(): VersionResponse | undefined {
    return this.#version;
  }

  /** `containerd`; the empty string before the runtime has answered. */
  get runtimeName(): string {
    return this.#version?.runtimeName ?? "";
  }

  /** Whether whatever handler runs the pod can mount read only with all that is mounted below. */
  canMountRecursiveReadOnly({ spec }: Pod): boolean {
    const handlers = this.#status?.handlers ?? [];
    const possible = spec.runtimeClassName ? handlers : handlers.filter(({ name }) => name === "");
    return possible.length > 0 && possible.every(({ features }) => features?.recursiveReadOnlyMounts === true);
  }

  get handlers(): readonly RuntimeHandler[] {
    return this.#status?.handlers ?? [];
  }

  async refresh(signal?: AbortSignal): Promise<void> {
    const options = signal ? { signal } : {};
    try {
      this.#version ??= await this.#runtime.version(options);
      this.#status = await this.#runtime.status(options);
      this.#error = undefined;
    } catch (error) {
      // A runtime that was replaced while it was away is asked for its version again.
      this.#version = undefined;
      this.#error = errorText(error);
    }
  }

  /** Why no container can be run, or undefined. */
  runtimeProblem(): string | undefined {
    if (this.#error !== undefined) return `container runtime is down: ${this.#error}`;
    if (!this.#status) return "container runtime status check may not have completed yet";
    const ready = this.#condition("RuntimeReady");
    return ready?.status === true
      ? undefined
      : `container runtime not ready: RuntimeReady=false reason:${ready?.reason ?? ""} message:${ready?.message ?? ""}`;
  }

  /** Why no pod can have an address, or undefined. */
  networkProblem(): string | undefined {
    const ready = this.#condition("NetworkReady");
    if (!this.#status || ready?.status === true) return undefined;
    return `container runtime network not ready: NetworkReady=false reason:${ready?.reason ?? ""} message:${ready?.message ?? ""}`;
  }

  #condition(type: string): RuntimeStatus["conditions"][number] | undefined {
    return this.#status?.conditions.find((c) => c.type === type);
  }
}
