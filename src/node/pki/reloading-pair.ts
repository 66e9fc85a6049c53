import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";

import { type Clock, sleep } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { KeyPair } from "./certificates.ts";

/** Between two looks at the files. Upstream looks once a minute, and is told of changes besides. */
const periodMs = 10_000;

export interface ReloadingPairOptions {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A certificate and its key in files that may be replaced while they are in use. */
export class ReloadingPair {
  readonly #options: ReloadingPairOptions;
  readonly #listeners: ((pair: KeyPair) => void)[] = [];
  #current: KeyPair;

  /** `pair` is what the files held when they were read. */
  constructor(options: ReloadingPairOptions, pair: KeyPair) {
    this.#options = options;
    this.#current = pair;
  }

  /** Reads the files. Rejects when they cannot be read. */
  static async open(options: ReloadingPairOptions): Promise<ReloadingPair> {
    return new ReloadingPair(options, await readFiles(options));
  }

  get current(): KeyPair {
    return this.#current;
  }

  /** Calls with every new pair. */
  onChange(tell: (pair: KeyPair) => void): void {
    this.#listeners.push(tell);
  }

  /** Looks at the files until aborted. What cannot be read, or does not belong together, is not taken: it may be half written. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, logger, certFile } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, periodMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const pair = await readFiles(this.#options);
        if (pair.cert === this.#current.cert && pair.key === this.#current.key) continue;
        if (!new X509Certificate(pair.cert).checkPrivateKey(createPrivateKey(pair.key))) continue;
        this.#current = pair;
      } catch (error) {
        logger.warn("cannot reload a certificate", { file: certFile, error });
        continue;
      }
      logger.info("reloaded a certificate", { file: certFile });
      for (const tell of this.#listeners) tell(this.#current);
    }
  }
}

async function readFiles({ certFile, keyFile }: ReloadingPairOptions): Promise<KeyPair> {
  const [cert, key] = await Promise.all([readFile(certFile, "utf8"), readFile(keyFile, "utf8")]);
  return { cert, key };
}
