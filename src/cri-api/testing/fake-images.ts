import { type Clock, sleep } from "../../component-base/clock.ts";
import { CriError } from "../runtime/v1/cri-error.ts";
import type { CallOptions, ImageService } from "../runtime/v1/services.ts";
import type { AuthConfig, Image, ImageFsInfo, ImageSpec } from "../runtime/v1/types.ts";

/** Images in memory: everything can be pulled, unless told otherwise. */
export class FakeImages implements ImageService {
  /** References pulled, in order. */
  readonly pulls: { readonly image: string; readonly auth: AuthConfig | undefined }[] = [];
  readonly #clock: Clock;
  readonly #images = new Map<string, Image>();
  readonly #failures = new Map<string, CriError>();
  #pullDelayMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The same images, on another clock. */
  fork(clock: Clock): FakeImages {
    const fork = new FakeImages(clock);
    for (const [name, image] of this.#images) fork.#images.set(name, image);
    for (const [name, failure] of this.#failures) fork.#failures.set(name, failure);
    fork.#pullDelayMs = this.#pullDelayMs;
    return fork;
  }

  /** Pulls take so long from now on. */
  set pullDelayMs(delayMs: number) {
    this.#pullDelayMs = delayMs;
  }

  /** Pulling this reference fails until `error` is undefined. */
  failPull(reference: string, error: CriError | undefined): void {
    if (error) this.#failures.set(normalize(reference), error);
    else this.#failures.delete(normalize(reference));
  }

  /** Puts an image there as if it had been imported. */
  add(reference: string, more: Partial<Image> = {}): Image {
    const name = normalize(reference);
    const id = `sha256:${digestOf(name)}`;
    const image: Image = {
      id,
      repoTags: [name],
      repoDigests: [`${name.slice(0, name.lastIndexOf(":"))}@${id}`],
      sizeBytes: 1_000_000,
      pinned: false,
      ...more,
    };
    this.#images.set(name, image);
    return image;
  }

  async listImages(): Promise<readonly Image[]> {
    return [...this.#images.values()];
  }

  async imageStatus(image: ImageSpec): Promise<Image | undefined> {
    return this.#find(image.image);
  }

  async pullImage(image: ImageSpec, auth?: AuthConfig, options?: CallOptions): Promise<string> {
    this.pulls.push({ image: image.image, auth });
    if (this.#pullDelayMs > 0) await sleep(this.#clock, this.#pullDelayMs, options?.signal);
    const failure = this.#failures.get(normalize(image.image)) ?? unresolvable(normalize(image.image));
    if (failure) throw failure;
    return this.add(image.image).id;
  }

  async removeImage(image: ImageSpec): Promise<void> {
    const found = this.#find(image.image);
    for (const [name, i] of this.#images) if (found && i.id === found.id) this.#images.delete(name);
  }

  async imageFsInfo(): Promise<ImageFsInfo> {
    const timestampMs = this.#clock.now();
    const usedBytes = [...this.#images.values()].reduce((sum, i) => sum + i.sizeBytes, 0);
    const usage = { timestampMs, mountpoint: "/var/lib/fake", usedBytes, inodesUsed: this.#images.size };
    return { imageFilesystems: [usage], containerFilesystems: [usage] };
  }

  #find(reference: string): Image | undefined {
    const byName = this.#images.get(normalize(reference));
    if (byName) return byName;
    for (const image of this.#images.values()) {
      if (image.id === reference || image.repoDigests.includes(reference)) return image;
    }
    return undefined;
  }
}

/** `nginx` → `docker.io/library/nginx:latest`. */
function normalize(reference: string): string {
  if (reference.startsWith("sha256:")) return reference;
  const first = reference.split("/")[0] ?? "";
  const hasHost = reference.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const withHost = hasHost ? reference : `docker.io/${reference.includes("/") ? "" : "library/"}${reference}`;
  const last = withHost.slice(withHost.lastIndexOf("/"));
  return last.includes(":") || last.includes("@") ? withHost : `${withHost}:latest`;
}

/** The top-level domain `invalid` is reserved for names that never resolve. */
function unresolvable(name: string): CriError | undefined {
  const [, host = "", path = "", tag = ""] = /^([^/]+\.invalid)\/(.+):([^:]+)$/.exec(name) ?? [];
  if (host === "") return undefined;
  const request = `failed to do request: Head "https://${host}/v2/${path}/manifests/${tag}"`;
  const cause = `${request}: dial tcp: lookup ${host}: no such host`;
  const text = `failed to pull and unpack image "${name}": failed to resolve reference "${name}": ${cause}`;
  return new CriError("unknown", text);
}

/** 64 hexadecimal digits that depend on the text only; no cryptography. */
function digestOf(text: string): string {
  let out = "";
  for (let round = 0; out.length < 64; round++) {
    let hash = 0x811c9dc5 ^ round;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    out += (hash >>> 0).toString(16).padStart(8, "0");
  }
  return out;
}
