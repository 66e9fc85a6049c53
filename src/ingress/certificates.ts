import type { Secret } from "../api/core/v1/types.gen.ts";
import type { Ingress } from "../api/networking/v1/types.gen.ts";
import { secrets } from "../api/resources.gen.ts";
import { Reflector } from "../client/cache/reflector.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import type { EventRecorder } from "../client/record/event-recorder.ts";
import { base64Decode, utf8Decode } from "../component-base/bytes.ts";
import type { Clock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import type { Random } from "../component-base/random.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import type { TlsPair } from "./ports.ts";

export interface CertificatesOptions {
  /** May read the Secrets that Ingresses name. */
  readonly client: ApiClient;
  /** Why a pair cannot be used; undefined when it can. */
  readonly problemOf: (pair: TlsPair) => string | undefined;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Followed {
  readonly stop: AbortController;
  pair: TlsPair | undefined;
  /** What was last said of it. */
  problem: string | undefined;
}

/** Follows the Secrets that Ingresses name, one by one, and knows which certificate a server name gets. */
export class Certificates implements AsyncDisposable {
  readonly #options: CertificatesOptions;
  readonly #tasks = new TaskGroup();
  readonly #followed = new Map<string, Followed>();
  #ingresses: readonly Ingress[] = [];
  /** Secrets by server name; wildcards by what follows their star. */
  #exact = new Map<string, string[]>();
  #wildcards = new Map<string, string[]>();
  /** Secrets for whatever name. */
  #any: string[] = [];

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** From now on the certificates of these, elder ones first. */
  follow(ingresses: readonly Ingress[]): void {
    this.#ingresses = ingresses;
    const [exact, wildcards, any] = [new Map<string, string[]>(), new Map<string, string[]>(), [] as string[]];
    const wanted = new Set<string>();
    for (const { metadata, spec } of ingresses) {
      for (const { hosts = [], secretName } of spec.tls ?? []) {
        if (!secretName) continue;
        const key = `${metadata.namespace}/${secretName}`;
        wanted.add(key);
        if (hosts.length === 0) any.push(key);
        for (const host of hosts.map((h) => h.toLowerCase())) {
          if (host.startsWith("*.")) add(wildcards, host.slice(1), key);
          else add(exact, host, key);
        }
      }
    }
    [this.#exact, this.#wildcards, this.#any] = [exact, wildcards, any];
    for (const [key, { stop }] of this.#followed) {
      if (wanted.has(key)) continue;
      stop.abort();
      this.#followed.delete(key);
    }
    for (const key of wanted) if (!this.#followed.has(key)) this.#start(key);
  }

  /** Of the most specific host that has a certificate. */
  for(serverName: string): TlsPair | undefined {
    const name = serverName.toLowerCase();
    const dot = name.indexOf(".");
    const keys = [this.#exact.get(name), dot > 0 ? this.#wildcards.get(name.slice(dot)) : undefined, this.#any].flat();
    for (const key of keys) {
      const pair = key === undefined ? undefined : this.#followed.get(key)?.pair;
      if (pair) return pair;
    }
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { stop } of this.#followed.values()) stop.abort();
    await this.#tasks[Symbol.asyncDispose]();
  }

  #start(key: string): void {
    const { client, clock, random, logger } = this.#options;
    const [namespace = "", name = ""] = key.split("/");
    const followed: Followed = { stop: new AbortController(), pair: undefined, problem: undefined };
    this.#followed.set(key, followed);
    const set = (secret: Secret | undefined): void => this.#set(key, followed, secret);
    const reflector = new Reflector<Secret>({
      client: client.resource(secrets, namespace),
      target: { replace: ([secret]) => set(secret), set, delete: () => set(undefined) },
      clock,
      random,
      logger,
      name: "secrets",
      fieldSelector: `metadata.name=${name}`,
    });
    this.#tasks.spawn((running) => reflector.run(AbortSignal.any([running, followed.stop.signal])));
  }

  #set(key: string, followed: Followed, secret: Secret | undefined): void {
    const read = secret ? pairOf(secret) : "does not exist";
    const problem = typeof read === "string" ? read : this.#options.problemOf(read);
    // One that has become unusable is better than none; one that was taken away is taken away.
    if (problem === undefined && typeof read === "object") followed.pair = read;
    else if (!secret) followed.pair = undefined;
    if (problem === followed.problem) return;
    followed.problem = problem;
    if (problem === undefined) return;
    for (const ingress of this.#ingresses) {
      const isNamed = ingress.spec.tls?.some(({ secretName }) => `${ingress.metadata.namespace}/${secretName}` === key);
      if (isNamed) this.#options.recorder.event(ingress, "Warning", "InvalidTLS", `Secret ${key} ${problem}`);
    }
  }
}

function pairOf({ data = {} }: Secret): TlsPair | string {
  const [cert, key] = [data["tls.crt"], data["tls.key"]];
  if (!cert || !key) return `has no ${cert ? "tls.key" : "tls.crt"}`;
  return { cert: utf8Decode(base64Decode(cert)), key: utf8Decode(base64Decode(key)) };
}

function add(map: Map<string, string[]>, host: string, key: string): void {
  const keys = map.get(host);
  if (keys) keys.push(key);
  else map.set(host, [key]);
}
