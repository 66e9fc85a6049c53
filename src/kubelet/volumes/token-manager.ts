import type { TokenRequest } from "../../api/authentication/v1/types.gen.ts";
import type { Pod } from "../../api/core/v1/types.gen.ts";
import { serviceAccounts } from "../../api/resources.gen.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import type { Clock } from "../../component-base/clock.ts";
import { Singleflight } from "../../component-base/singleflight.ts";

interface Entry {
  readonly token: string;
  readonly expiresMs: number;
  readonly refreshMs: number;
}

interface WantedToken {
  readonly audience: string | undefined;
  readonly expirationSeconds: number;
}

const dayMs = 86_400_000;
const refreshFraction = 0.8;

/** Service account tokens bound to pods, asked for when needed and again past 80 % of their life (or a day). */
export class TokenManager {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();
  readonly #flights = new Singleflight<string, Entry>();
  readonly #signal: AbortSignal;

  /** Nothing is asked for once the signal has aborted. */
  constructor(client: ApiClient, clock: Clock, signal: AbortSignal) {
    this.#client = client;
    this.#clock = clock;
    this.#signal = signal;
  }

  async token(pod: Pod, wanted: WantedToken): Promise<string> {
    return (await this.tokenWithExpiry(pod, wanted)).token;
  }

  /** With the end of its life, in ms since the epoch. */
  async tokenWithExpiry(
    pod: Pod,
    wanted: WantedToken,
  ): Promise<{ readonly token: string; readonly expiresMs: number }> {
    const key = `${pod.metadata.uid}/${wanted.audience ?? ""}/${wanted.expirationSeconds}`;
    const known = this.#entries.get(key);
    if (known && this.#clock.now() < known.refreshMs) return known;
    try {
      const fresh = await this.#flights.run(key, () => this.#request(pod, wanted));
      this.#entries.set(key, fresh);
      return fresh;
    } catch (error) {
      // An old token that is still good is better than none while the server is away.
      if (known && this.#clock.now() < known.expiresMs) return known;
      const name = pod.spec.serviceAccountName ?? "default";
      const text = error instanceof Error ? error.message : String(error);
      throw new Error(`failed to fetch token for service account "${name}": ${text}`, { cause: error });
    }
  }

  forgetPod(uid: string): void {
    for (const key of this.#entries.keys()) if (key.startsWith(`${uid}/`)) this.#entries.delete(key);
  }

  async #request(pod: Pod, wanted: WantedToken): Promise<Entry> {
    const { name, uid, namespace } = pod.metadata;
    const askedMs = this.#clock.now();
    const { status } = await this.#client.resource(serviceAccounts, namespace).createSubresource<TokenRequest>(
      pod.spec.serviceAccountName ?? "default",
      "token",
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: {
          audiences: wanted.audience ? [wanted.audience] : [],
          expirationSeconds: wanted.expirationSeconds,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
        },
      },
      { signal: this.#signal },
    );
    const expiresMs = Date.parse(status.expirationTimestamp);
    const refreshMs = Math.min(askedMs + (expiresMs - askedMs) * refreshFraction, askedMs + dayMs);
    return { token: status.token, expiresMs, refreshMs };
  }
}
