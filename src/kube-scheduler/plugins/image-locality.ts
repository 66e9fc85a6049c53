import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { ImageState } from "../cache/image-table.ts";
import { scoreMax, skip, type Plugin, type StateKey } from "../framework/interface.ts";

// Below the first an image is pulled in no time; the second, per image, gives full marks (upstream's thresholds).
const thresholdMinBytes = 23 * 1024 * 1024;
const thresholdMaxBytes = 1000 * 1024 * 1024;

interface LocalImages {
  readonly images: readonly { readonly slots: ReadonlySet<number>; readonly scaledBytes: number }[];
  readonly thresholdBytes: number;
}

const name = "ImageLocality";
const key: StateKey<LocalImages> = { name };

/**
 * Prefers nodes that have the pod's images already. An image counts by its size and by the share of nodes that have it:
 * otherwise one node that pulled it first would draw all its pods.
 */
export const imageLocality: Plugin = {
  name,
  preScore(state, { pod }, _nodes, snapshot) {
    const wanted = imagesOf(pod);
    const found = wanted.flatMap((image) => snapshot.images.get(fullName(image)) ?? []);
    if (found.length === 0) return skip;
    const scaled = ({ slots, sizeBytes }: ImageState): number =>
      Math.floor(sizeBytes * (slots.size / snapshot.nodes.length));
    state.set(key, {
      images: found.map((image) => ({ slots: image.slots, scaledBytes: scaled(image) })),
      thresholdBytes: thresholdMaxBytes * wanted.length,
    });
    return undefined;
  },
  score(state, _pod, { slot }) {
    const local = state.get(key);
    if (!local) return 0;
    let sum = 0;
    for (const { slots, scaledBytes } of local.images) if (slots.has(slot)) sum += scaledBytes;
    const bounded = Math.min(Math.max(sum, thresholdMinBytes), local.thresholdBytes);
    return Math.floor((scoreMax * (bounded - thresholdMinBytes)) / (local.thresholdBytes - thresholdMinBytes));
  },
};

function imagesOf({ spec }: Pod): readonly string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers].map((c) => c.image ?? "");
  const volumes = (spec.volumes ?? []).flatMap((v) => v.image?.reference ?? []);
  return [...containers, ...volumes];
}

/** As nodes report it: with `:latest` where the name has neither tag nor digest. */
export function fullName(image: string): string {
  return image.lastIndexOf(":") <= image.lastIndexOf("/") ? `${image}:latest` : image;
}
