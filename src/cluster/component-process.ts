import { TransportError, type Transport, type TransportResponse } from "../component-base/http.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { ComponentEnvironment } from "./component-environment.ts";
import type { TransportFor } from "./identities.ts";

export interface ComponentProcessOptions {
  readonly name: string;
  readonly environment: ComponentEnvironment;
  /** The component; resolves when its signal has aborted and nothing of it is left running. */
  readonly run: (environment: ComponentEnvironment, signal: AbortSignal) => Promise<void>;
  readonly onFailure: (error: unknown) => void;
}

interface Life {
  readonly tasks: TaskGroup;
  isKilled: boolean;
}

/** One component as if it had a process of its own: it can be killed at any moment and started again. */
export class ComponentProcess implements AsyncDisposable {
  readonly name: string;
  readonly #options: ComponentProcessOptions;
  #life: Life | undefined;

  constructor(options: ComponentProcessOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** Starts it, unless it runs. */
  start(): void {
    if (this.#life) return;
    const { environment, run, onFailure } = this.#options;
    const life: Life = {
      tasks: new TaskGroup({ onFailure: (error) => life.isKilled || onFailure(error) }),
      isKilled: false,
    };
    this.#life = life;
    const transportFor: TransportFor = (identity) => mortalTransport(environment.transportFor(identity), life);
    life.tasks.spawn((signal) => run({ ...environment, transportFor }, signal));
  }

  /**
   * Kills it, as SIGKILL would: from this call on nothing it still tries reaches the API server, and no answer reaches it.
   * Resolves when nothing of it is left running.
   */
  async kill(): Promise<void> {
    const life = this.#life;
    if (!life) return;
    life.isKilled = true;
    this.#life = undefined;
    await life.tasks[Symbol.asyncDispose]();
  }

  /** Asks it to end. */
  async [Symbol.asyncDispose](): Promise<void> {
    const life = this.#life;
    this.#life = undefined;
    await life?.tasks[Symbol.asyncDispose]();
  }
}

function mortalTransport(inner: Transport, life: Life): Transport {
  const dead = (): TransportError => new TransportError("the process was killed", { notSent: false });
  return {
    async send(request): Promise<TransportResponse> {
      if (life.isKilled) throw dead();
      const response = await inner.send(request);
      if (life.isKilled) throw dead();
      return response;
    },
  };
}
