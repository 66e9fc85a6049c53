import { readFile } from "node:fs/promises";

import { parseYaml } from "../apimachinery/yaml/parse.ts";
import { EncryptionConfiguration } from "../apiserver/storage/value/encryption-configuration.ts";
import type { ValueTransformer } from "../apiserver/storage/value/transformer.ts";
import type { ResourceTransformers } from "../apiserver/storage/value/transforming-backend.ts";
import { type Clock, sleep } from "../component-base/clock.ts";
import { errorText, type Logger } from "../component-base/logger.ts";
import type { Counter, MetricRegistry } from "../component-base/metrics.ts";
import type { Random } from "../component-base/random.ts";

/** Upstream's. */
const periodMs = 60_000;

export interface EncryptionFileOptions {
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** An encryption configuration in a file, which may be replaced while it is in use. */
export class EncryptionFile implements ResourceTransformers {
  readonly #options: EncryptionFileOptions;
  readonly #reloads: Counter;
  #text: string;
  #configuration: EncryptionConfiguration;

  private constructor(options: EncryptionFileOptions, text: string, configuration: EncryptionConfiguration) {
    this.#options = options;
    this.#text = text;
    this.#configuration = configuration;
    this.#reloads = options.metrics.counter(
      "apiserver_encryption_config_controller_automatic_reloads_total",
      "Total number of reload successes and failures of encryption configuration.",
      ["status"],
    );
  }

  /** Rejects, with what is wrong with it, when the file cannot be used. */
  static async open(options: EncryptionFileOptions): Promise<EncryptionFile> {
    let text: string;
    try {
      text = await readFile(options.path, "utf8");
    } catch (error) {
      throw new Error(`error while loading file: ${errorText(error)}`, { cause: error });
    }
    return new EncryptionFile(options, text, parse(text, options));
  }

  transformerOf(group: string, resource: string): ValueTransformer {
    return this.#configuration.transformerOf(group, resource);
  }

  /** Looks at the file once a minute until aborted. What cannot be used is not taken: it may be half written. */
  async watch(signal: AbortSignal): Promise<void> {
    const { clock, logger, path } = this.#options;
    for (;;) {
      await sleep(clock, periodMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        const text = await readFile(path, "utf8");
        if (text === this.#text) continue;
        this.#configuration = parse(text, this.#options);
        this.#text = text;
      } catch (error) {
        this.#reloads.inc("failure");
        logger.error("cannot reload the encryption configuration", { file: path, error });
        continue;
      }
      this.#reloads.inc("success");
      logger.info("reloaded the encryption configuration", { file: path });
    }
  }
}

function parse(text: string, { random }: EncryptionFileOptions): EncryptionConfiguration {
  return EncryptionConfiguration.parse(parseYaml(text).value, random);
}
