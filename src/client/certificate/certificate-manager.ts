import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import { certificateSigningRequests } from "../../api/resources.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { backoffDelay } from "../../component-base/backoff.ts";
import { base64Decode, base64Encode, utf8Decode, utf8Encode } from "../../component-base/bytes.ts";
import { deadline, isAborted, sleep, type Clock } from "../../component-base/clock.ts";
import { EventSignal } from "../../component-base/event-signal.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { Random } from "../../component-base/random.ts";
import type { ApiClient } from "../rest/api-client.ts";

/** A certificate and its private key, PEM. */
export interface CertificatePair {
  readonly cert: string;
  readonly key: string;
}

/** The API's key usages, e.g. `client auth`. */
export type CertificateUsages = NonNullable<CertificateSigningRequest["spec"]["usages"]>;

/** What a certificate is to say. */
export interface CertificateTemplate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

/** Where a certificate is kept between two lives of the process. */
export interface CertificateStore {
  /** Undefined when there is none yet. */
  read(): Promise<CertificatePair | undefined>;
  write(pair: CertificatePair): Promise<void>;
}

/** What it takes to make requests and to read certificates. */
export interface CertificateTools {
  /** A new key and a request signed with it, both PEM. */
  request(template: CertificateTemplate): Promise<{ readonly requestPem: string; readonly key: string }>;
  /** Undefined when it cannot be read. */
  read(certificatePem: string): CertificateFacts | undefined;
}

export interface CertificateFacts {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

export interface CertificateManagerOptions {
  /** For the log, e.g. `kubelet client`. */
  readonly name: string;
  /** e.g. `kubernetes.io/kube-apiserver-client-kubelet`. */
  readonly signerName: string;
  readonly usages: CertificateUsages;
  readonly template: () => CertificateTemplate;
  readonly store: CertificateStore;
  readonly tools: CertificateTools;
  /** Under which identity to ask. */
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Told of every new certificate. */
  readonly onChange?: (pair: CertificatePair) => void;
}

/** The request was refused: asking again for the same is in vain until somebody changes their mind. */
export class CertificateRefusedError extends Error {
  override readonly name = "CertificateRefusedError";
}

// As client-go: how long a request may go undecided before a new one is made, and the pauses after failures.
const decisionTimeoutMs = 15 * 60_000;
const retryBackoff = { initialMs: 2_000, maxMs: 32_000 };
const watchBackoff = { initialMs: 500, maxMs: 10_000 };

/**
 * Keeps a certificate valid: asks for one through the CertificateSigningRequest API when there is none, when 70 to 90 % of
 * its life are over (at random, so that nodes that joined together do not all ask at once), and when what it has to say has changed.
 */
export class CertificateManager {
  readonly #options: CertificateManagerOptions;
  readonly #changed = new EventSignal();
  #current: CertificatePair | undefined;

  constructor(options: CertificateManagerOptions) {
    this.#options = options;
  }

  get current(): CertificatePair | undefined {
    return this.#current;
  }

  /** What is stored, unless it has expired or cannot be read. */
  async load(): Promise<CertificatePair | undefined> {
    const { store, tools, clock } = this.#options;
    const stored = await store.read();
    const facts = stored && tools.read(stored.cert);
    if (stored && facts && facts.notAfterMs > clock.now()) this.#current = stored;
    return this.#current;
  }

  /** What is stored, else what is issued: then it asks and waits. Rejects when `signal` aborts. */
  async start(signal: AbortSignal): Promise<CertificatePair> {
    return (await this.load()) ?? this.#rotate(signal);
  }

  /** What the template gives may have changed. */
  templateChanged(): void {
    this.#changed.set();
  }

  /** Renews until the signal aborts; asks at once when there is none. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger, name } = this.#options;
    try {
      await this.start(signal);
      let deadlineMs = this.#rotationDeadline();
      while (!signal.aborted) {
        logger.debug("Certificate will be rotated", { certificate: name, at: new Date(deadlineMs).toISOString() });
        while (clock.now() < deadlineMs && this.#saysTheTemplate() && !signal.aborted) {
          await this.#waitForDeadline(deadlineMs, signal);
        }
        if (signal.aborted) return;
        await this.#rotate(signal);
        deadlineMs = this.#rotationDeadline();
      }
    } catch (error) {
      if (!(signal.aborted && isAborted(error))) throw error;
    }
  }

  /** Asks once and waits for the answer; nothing is stored. Rejects with CertificateRefusedError when it is denied. */
  async request(signal: AbortSignal): Promise<CertificatePair> {
    const { client, tools, template, signerName, usages } = this.#options;
    const { requestPem, key } = await tools.request(template());
    const created = await client.resource(certificateSigningRequests).create(
      {
        apiVersion: "certificates.k8s.io/v1",
        kind: "CertificateSigningRequest",
        metadata: { generateName: "csr-" },
        spec: { request: base64Encode(utf8Encode(requestPem)), signerName, usages: [...usages] },
      },
      { signal },
    );
    return { cert: await this.#waitForCertificate(created, signal), key };
  }

  async #rotate(signal: AbortSignal): Promise<CertificatePair> {
    const { clock, logger, store, name, onChange } = this.#options;
    for (let failures = 1; ; failures++) {
      try {
        const pair = await this.request(signal);
        await store.write(pair);
        this.#current = pair;
        onChange?.(pair);
        logger.info("Rotated a certificate", { certificate: name });
        return pair;
      } catch (error) {
        signal.throwIfAborted();
        logger.error("Failed to get a certificate, will try again", { certificate: name, error });
        await sleep(clock, backoffDelay(retryBackoff, failures), signal);
      }
    }
  }

  async #waitForCertificate(created: CertificateSigningRequest, signal: AbortSignal): Promise<string> {
    const { client, clock } = this.#options;
    const { name, uid } = created.metadata;
    const requests = client.resource(certificateSigningRequests);
    using limit = deadline(clock, decisionTimeoutMs, signal);
    let resourceVersion: string | undefined = created.metadata.resourceVersion;
    for (let failures = 1; ; failures++) {
      try {
        const watch = requests.watch({
          fieldSelector: `metadata.name=${name}`,
          signal: limit.signal,
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        });
        for await (const { type, object } of watch) {
          if (type === "ERROR" || type === "BOOKMARK") break;
          const issued = type !== "DELETED" && object.metadata.uid === uid ? certificateOf(object) : undefined;
          if (issued !== undefined) return issued;
        }
        const now = await requests.get(name, { signal: limit.signal });
        const issued = certificateOf(now);
        if (issued !== undefined) return issued;
        resourceVersion = now.metadata.resourceVersion;
        await sleep(clock, backoffDelay(watchBackoff, failures), limit.signal);
      } catch (error) {
        signal.throwIfAborted();
        if (limit.signal.aborted) {
          const minutes = decisionTimeoutMs / 60_000;
          throw new Error(`certificate request ${name} was not decided in ${minutes} minutes`, { cause: error });
        }
        if (error instanceof CertificateRefusedError) throw error;
        if (isNotFound(error)) throw new Error(`certificate request ${name} was deleted`, { cause: error });
        // From the newest state on: the one it was watched from may be gone.
        resourceVersion = undefined;
        await sleep(clock, backoffDelay(watchBackoff, failures), signal);
      }
    }
  }

  #rotationDeadline(): number {
    const { tools, random, clock } = this.#options;
    const facts = this.#current && tools.read(this.#current.cert);
    if (!facts) return clock.now();
    const lifeMs = facts.notAfterMs - facts.notBeforeMs;
    return facts.notBeforeMs + lifeMs * (0.7 + 0.2 * random.next());
  }

  #saysTheTemplate(): boolean {
    const { tools, template } = this.#options;
    const facts = this.#current && tools.read(this.#current.cert);
    if (!facts) return false;
    const wanted = template();
    return isSame(wanted.dnsNames, facts.dnsNames) && isSame(wanted.ipAddresses, facts.ipAddresses);
  }

  async #waitForDeadline(deadlineMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const awake = new AbortController();
    const either = AbortSignal.any([signal, awake.signal]);
    const timer = sleep(clock, deadlineMs - clock.now(), either).catch(() => {});
    await Promise.race([timer, this.#changed.wait(either)]);
    awake.abort();
    await timer;
  }
}

/** Throws CertificateRefusedError when it was denied or has failed; undefined while it is undecided. */
function certificateOf({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status.conditions?.find(({ type }) => type === "Denied" || type === "Failed");
  if (refusal) {
    const why = [refusal.reason, refusal.message].filter(Boolean).join(": ");
    throw new CertificateRefusedError(`certificate request ${metadata.name} is ${refusal.type.toLowerCase()}: ${why}`);
  }
  return status.certificate ? utf8Decode(base64Decode(status.certificate)) : undefined;
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value) => b.includes(value));
}
