import { errorText, type Logger } from "../component-base/logger.ts";
import type { PlainAnswer, ServePlainHttp } from "./ports.ts";

/** A Service whose load balancer asks each node whether it has endpoints (`externalTrafficPolicy: Local`). */
export interface HealthChecked {
  readonly namespace: string;
  readonly name: string;
  /** `spec.healthCheckNodePort`. */
  readonly port: number;
  readonly localEndpoints: number;
}

interface Check {
  state: HealthChecked;
  readonly server: Promise<AsyncDisposable | undefined>;
}

/** Serves the health check ports of Services. */
export class HealthChecks implements AsyncDisposable {
  readonly #serve: ServePlainHttp;
  readonly #isHealthy: () => boolean;
  readonly #logger: Logger;
  readonly #checks = new Map<string, Check>();

  /** `isHealthy`: whether the proxy itself does its work; when not, no Service is healthy here. */
  constructor(serve: ServePlainHttp, isHealthy: () => boolean, logger: Logger) {
    this.#serve = serve;
    this.#isHealthy = isHealthy;
    this.#logger = logger;
  }

  /** What the Service of that key needs; undefined for nothing. */
  set(key: string, wanted: HealthChecked | undefined): void {
    const check = this.#checks.get(key);
    if (check && wanted && check.state.port === wanted.port) {
      check.state = wanted;
      return;
    }
    this.#checks.delete(key);
    const closed = check ? close(check) : Promise.resolve();
    if (!wanted) return void closed;
    const next: Check = { state: wanted, server: closed.then(() => this.#open(key, wanted)) };
    this.#checks.set(key, next);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const checks = [...this.#checks.values()];
    this.#checks.clear();
    await Promise.all(checks.map(close));
  }

  async #open(key: string, { port }: HealthChecked): Promise<AsyncDisposable | undefined> {
    try {
      return await this.#serve(port, () => this.#answer(key));
    } catch (error) {
      // As upstream: the Service works, only its health is not told. The load balancer then leaves this node alone.
      this.#logger.error("cannot serve the health check port", { service: key, port, error: errorText(error) });
      return undefined;
    }
  }

  #answer(key: string): PlainAnswer {
    const state = this.#checks.get(key)?.state;
    const healthy = this.#isHealthy();
    const localEndpoints = state?.localEndpoints ?? 0;
    const service = { namespace: state?.namespace ?? "", name: state?.name ?? "" };
    return {
      status: localEndpoints > 0 && healthy ? 200 : 503,
      headers: {
        "content-type": "application/json",
        "x-content-type-options": "nosniff",
        "x-load-balancing-endpoint-weight": String(localEndpoints),
      },
      body: JSON.stringify({ service, localEndpoints, serviceProxyHealthy: healthy }),
    };
  }
}

async function close({ server }: Check): Promise<void> {
  await (await server)?.[Symbol.asyncDispose]();
}
