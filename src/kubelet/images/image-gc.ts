import type { Pod } from "../../api/core/v1/types.gen.ts";
import { type Clock, sleep } from "../../component-base/clock.ts";
import { errorText, type Logger } from "../../component-base/logger.ts";
import type { ImageService, RuntimeService } from "../../cri-api/runtime/v1/services.ts";
import type { Image } from "../../cri-api/runtime/v1/types.ts";
import { withTag } from "./image-manager.ts";
import type { FileSystemUsage } from "../ports.ts";

export interface ImageGcOptions {
  readonly images: ImageService;
  readonly runtime: RuntimeService;
  /** The node's pods, whose volumes may be images. */
  readonly pods: () => readonly Pod[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly imageFileSystem: () => Promise<FileSystemUsage | undefined>;
  /** Percent of the disk in use from which images are removed, and to which. */
  readonly highThresholdPercent: number;
  readonly lowThresholdPercent: number;
  /** An image nobody uses is kept so long after it was first seen. */
  readonly minAgeMs: number;
  /** An image that nobody has used for so long goes however much room there is; 0 for never. */
  readonly maxAgeMs: number;
  /** Never removed: a reference of the sandbox's image, which no container shows. */
  readonly isSandboxImage: (image: Image) => boolean;
}

interface Seen {
  readonly firstMs: number;
  lastUsedMs: number;
}

const periodMs = 300_000;

/** Removes images no container uses, those used longest ago first, when the disk that holds them fills up. */
export class ImageGc {
  readonly #options: ImageGcOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #startedMs: number;

  constructor(options: ImageGcOptions) {
    this.#options = options;
    this.#startedMs = options.clock.monotonic();
  }

  /** Runs until aborted: every five minutes. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.collect(signal);
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("Image garbage collection failed", { error: errorText(error) });
      }
      await sleep(clock, periodMs, signal).catch(() => {});
    }
  }

  /** Removes images that are too old, and others when the disk is fuller than it should be. Resolves to the bytes freed for that. */
  async collect(signal: AbortSignal): Promise<number> {
    const { highThresholdPercent, lowThresholdPercent, imageFileSystem, logger } = this.#options;
    const unused = await this.#removeOld(await this.#detect(signal), signal);
    const fs = await imageFileSystem();
    if (!fs || fs.capacityBytes === 0) return 0;
    const usedPercent = 100 - Math.floor((fs.availableBytes * 100) / fs.capacityBytes);
    if (usedPercent < highThresholdPercent) return 0;
    const wanted = (fs.capacityBytes * (100 - lowThresholdPercent)) / 100 - fs.availableBytes;
    logger.info("Disk usage on image filesystem is over the high threshold, trying to free bytes", {
      usedPercent,
      wanted,
    });
    const now = this.#options.clock.monotonic();
    const old = unused.filter(({ id }) => now - (this.#seen.get(id)?.firstMs ?? now) >= this.#options.minAgeMs);
    const freed = await this.#remove(old, wanted, signal);
    if (freed < wanted) logger.warn("Failed to garbage collect the required amount of images", { wanted, freed });
    return freed;
  }

  /** Resolves to the images that are left. Before this kubelet has run for as long as that, it cannot tell. */
  async #removeOld(unused: readonly Image[], signal: AbortSignal): Promise<readonly Image[]> {
    const { maxAgeMs, clock } = this.#options;
    const now = clock.monotonic();
    if (maxAgeMs === 0 || now - this.#startedMs <= maxAgeMs) return unused;
    const old = unused.filter(({ id }) => now - (this.#seen.get(id)?.lastUsedMs ?? now) > maxAgeMs);
    await this.#remove(old, Number.POSITIVE_INFINITY, signal);
    return unused.filter(({ id }) => this.#seen.has(id));
  }

  /** Removes every image nobody uses, however young. */
  async removeUnused(signal: AbortSignal): Promise<number> {
    return this.#remove(await this.#detect(signal), Number.POSITIVE_INFINITY, signal);
  }

  /** The images nobody uses, those used longest ago first. Notes which are used now. */
  async #detect(signal: AbortSignal): Promise<readonly Image[]> {
    const { images, runtime, clock, isSandboxImage } = this.#options;
    const [all, containers] = await Promise.all([
      images.listImages({ signal }),
      runtime.listContainers({}, { signal }),
    ]);
    const used = new Set(containers.flatMap((c) => [c.imageRef, c.imageId ?? "", c.image.image]));
    for (const id of await this.#volumeImages(signal)) used.add(id);
    const now = clock.monotonic();
    const ids = new Set(all.map(({ id }) => id));
    for (const id of this.#seen.keys()) if (!ids.has(id)) this.#seen.delete(id);
    const isUsed = (image: Image): boolean =>
      [image.id, ...image.repoTags, ...image.repoDigests].some((name) => used.has(name));
    for (const image of all) {
      const seen = this.#seen.get(image.id) ?? { firstMs: now, lastUsedMs: 0 };
      if (isUsed(image)) seen.lastUsedMs = now;
      this.#seen.set(image.id, seen);
    }
    const lastUsed = ({ id }: Image): number => this.#seen.get(id)?.lastUsedMs ?? 0;
    const firstSeen = ({ id }: Image): number => this.#seen.get(id)?.firstMs ?? 0;
    return all
      .filter((image) => !isUsed(image) && !image.pinned && !isSandboxImage(image))
      .sort((a, b) => lastUsed(a) - lastUsed(b) || firstSeen(a) - firstSeen(b));
  }

  /** The ids of the images that are volumes of pods: no container shows them. */
  async #volumeImages(signal: AbortSignal): Promise<readonly string[]> {
    const volumes = this.#options.pods().flatMap((pod) => pod.spec.volumes ?? []);
    const references = new Set(volumes.flatMap(({ image }) => image?.reference ?? []));
    const found = [...references].map((image) =>
      this.#options.images.imageStatus({ image: withTag(image) }, { signal }),
    );
    return (await Promise.all(found)).flatMap((image) => image?.id ?? []);
  }

  async #remove(candidates: readonly Image[], wantedBytes: number, signal: AbortSignal): Promise<number> {
    let freed = 0;
    for (const image of candidates) {
      if (freed >= wantedBytes) break;
      try {
        await this.#options.images.removeImage({ image: image.id }, { signal });
      } catch (error) {
        if (signal.aborted) throw error;
        this.#options.logger.warn("Failed to remove image", { image: image.id, error: errorText(error) });
        continue;
      }
      this.#seen.delete(image.id);
      freed += image.sizeBytes;
    }
    return freed;
  }
}
