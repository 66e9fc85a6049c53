import { serviceAccounts } from "../api/resources.gen.ts";
import type { TokenRequest } from "../api/authentication/v1/types.gen.ts";
import { isAlreadyExists, isNotFound } from "../apimachinery/errors/status-error.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { Clock } from "../component-base/clock.ts";
import { Singleflight } from "../component-base/singleflight.ts";

const lifetimeSeconds = 3607;
// A token is replaced when a fifth of its life is left, as client-go's and the kubelet's are.
const refreshAfter = 0.8;

interface CachedToken {
  readonly token: string;
  readonly refreshAtMs: number;
}

/**
 * Tokens of service accounts in kube-system for components that act under several of them. The accounts are created on
 * demand, as kube-controller-manager does with --use-service-account-credentials.
 */
export class ServiceAccountTokens {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #cached = new Map<string, CachedToken>();
  readonly #requests = new Singleflight<string, CachedToken>();

  /** `client` must be allowed to create service accounts and their tokens. */
  constructor(client: ApiClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  async get(serviceAccount: string): Promise<string> {
    const cached = this.#cached.get(serviceAccount);
    if (cached && this.#clock.now() < cached.refreshAtMs) return cached.token;
    const fresh = await this.#requests.run(serviceAccount, () => this.#request(serviceAccount));
    this.#cached.set(serviceAccount, fresh);
    return fresh.token;
  }

  async #request(name: string): Promise<CachedToken> {
    const accounts = this.#client.resource(serviceAccounts, "kube-system");
    const requestToken = (): Promise<TokenRequest> =>
      accounts.createSubresource<TokenRequest>(name, "token", {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { expirationSeconds: lifetimeSeconds },
      });
    let answer: TokenRequest;
    try {
      answer = await requestToken();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      await accounts
        .create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name } })
        .catch((failure: unknown) => {
          if (!isAlreadyExists(failure)) throw failure;
        });
      answer = await requestToken();
    }
    return {
      token: answer.status.token,
      refreshAtMs: this.#clock.now() + lifetimeSeconds * 1000 * refreshAfter,
    };
  }
}
