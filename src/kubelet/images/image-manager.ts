import type { Container, Pod } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import type { Clock } from "../../component-base/clock.ts";
import { criErrorText } from "../../cri-api/runtime/v1/cri-error.ts";
import type { ImageService } from "../../cri-api/runtime/v1/services.ts";
import type { Image, ImageSpec } from "../../cri-api/runtime/v1/types.ts";
import { containerFieldPath, formatDuration } from "../api/pods.ts";
import { BackoffTracker } from "../container/backoff-tracker.ts";
import { ContainerStartError } from "../kuberuntime/container-start-error.ts";
import { Semaphore } from "../kuberuntime/semaphore.ts";
import type { CredentialStore } from "./credentials.ts";

export interface ImageManagerOptions {
  readonly images: ImageService;
  readonly credentials: CredentialStore;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  /** Pulls at a time; more wait. */
  readonly parallelPulls: number;
}

const backoffInitialMs = 10_000;
const backoffMaxMs = 300_000;

/** An image that a pod wants on the node. */
export interface WantedImage {
  readonly reference: string;
  /** `IfNotPresent` unless given. */
  readonly policy?: "Always" | "IfNotPresent" | "Never";
  /** The container that events are about; without one they are about the pod. */
  readonly container?: string;
}

/** The image a container runs from. */
export function imageOf({ name, image, imagePullPolicy }: Container): WantedImage {
  return {
    reference: image ?? "",
    container: name,
    ...(imagePullPolicy === undefined ? {} : { policy: imagePullPolicy }),
  };
}

/** Makes sure that an image is there, by its pull policy. */
export class ImageManager {
  readonly #options: ImageManagerOptions;
  readonly #backoff: BackoffTracker;
  readonly #lastErrors = new Map<string, string>();
  readonly #pulls: Semaphore;

  constructor(options: ImageManagerOptions) {
    this.#options = options;
    this.#backoff = new BackoffTracker(options.clock, { initialMs: backoffInitialMs, maxMs: backoffMaxMs });
    this.#pulls = new Semaphore(options.parallelPulls);
  }

  /** Resolves to the image as it is on the node. Rejects with ContainerStartError. */
  async ensureImage(pod: Pod, wanted: WantedImage, signal: AbortSignal): Promise<Image> {
    const { images } = this.#options;
    const { reference, policy = "IfNotPresent" } = wanted;
    if (!/^[a-zA-Z0-9][^\s]*$/.test(reference) || /[A-Z]/.test(repositoryOf(reference))) {
      const message = `Failed to apply default image tag "${reference}": couldn't parse image name "${reference}": invalid reference format`;
      this.#event(pod, wanted, "Warning", "InspectFailed", message);
      throw new ContainerStartError("InvalidImageName", message);
    }
    const spec: ImageSpec = { image: withTag(reference), userSpecifiedImage: reference };
    const present = await this.#inspect(pod, wanted, spec, signal);
    if (policy === "Never" || (policy === "IfNotPresent" && present)) {
      if (present) {
        const message = `Container image "${reference}" already present on machine and can be accessed by the pod`;
        this.#event(pod, wanted, "Normal", "Pulled", message);
        return present;
      }
      const message = `Container image "${reference}" is not present with pull policy of Never`;
      this.#event(pod, wanted, "Warning", "ErrImageNeverPull", message);
      throw new ContainerStartError("ErrImageNeverPull", message);
    }
    const key = `${pod.metadata.uid}_${reference}`;
    const blockedUntil = this.#backoff.blockedSinceUpdate(key);
    if (blockedUntil !== undefined) {
      const message = `Back-off pulling image "${reference}": ${this.#lastErrors.get(key) ?? ""}`;
      this.#event(pod, wanted, "Normal", "BackOff", `Back-off pulling image "${reference}"`);
      throw new ContainerStartError("ImagePullBackOff", message, { retryAtMs: blockedUntil });
    }
    return this.#pull({ pod, wanted, spec, key, reference, signal, images });
  }

  /** Forgets a pod's back-offs. */
  forgetPod(uid: string): void {
    this.#backoff.forget(`${uid}_`);
    for (const key of this.#lastErrors.keys()) if (key.startsWith(`${uid}_`)) this.#lastErrors.delete(key);
  }

  async #inspect(pod: Pod, wanted: WantedImage, spec: ImageSpec, signal: AbortSignal): Promise<Image | undefined> {
    try {
      return await this.#options.images.imageStatus(spec, { signal });
    } catch (error) {
      const message = `Failed to inspect image "${spec.userSpecifiedImage}": ${criErrorText(error)}`;
      this.#event(pod, wanted, "Warning", "InspectFailed", message);
      throw new ContainerStartError("ImageInspectError", message, { cause: error });
    }
  }

  async #pull(job: PullJob): Promise<Image> {
    const { pod, wanted, spec, key, reference, signal, images } = job;
    const { clock, credentials } = this.#options;
    const askedMs = clock.monotonic();
    this.#event(pod, wanted, "Normal", "Pulling", `Pulling image "${reference}"`);
    try {
      const { image, tookMs } = await this.#pulls.run(async () => {
        const startedMs = clock.monotonic();
        const found = await credentials.tryEach(pod, spec.image, async (auth) => {
          const pulled = await images.pullImage(spec, auth, { signal });
          return (await images.imageStatus(spec, { signal })) ?? images.imageStatus({ image: pulled }, { signal });
        });
        if (!found) throw new Error(`image "${reference}" is absent after the pull`);
        return { image: found, tookMs: clock.monotonic() - startedMs };
      });
      const took = `${formatDuration(tookMs)} (${formatDuration(clock.monotonic() - askedMs)} including waiting)`;
      const message = `Successfully pulled image "${reference}" in ${took}. Image size: ${image.sizeBytes} bytes.`;
      this.#event(pod, wanted, "Normal", "Pulled", message);
      this.#backoff.reset(key);
      this.#lastErrors.delete(key);
      return image;
    } catch (error) {
      if (signal.aborted) throw error;
      const text = criErrorText(error);
      this.#event(pod, wanted, "Warning", "Failed", `Failed to pull image "${reference}": ${text}`);
      this.#backoff.next(key, clock.now());
      this.#lastErrors.set(key, `ErrImagePull: ${text}`);
      const retryAtMs = this.#backoff.blockedSinceUpdate(key);
      throw new ContainerStartError("ErrImagePull", text, {
        cause: error,
        ...(retryAtMs === undefined ? {} : { retryAtMs }),
      });
    }
  }

  #event(pod: Pod, { container }: WantedImage, type: "Normal" | "Warning", reason: string, message: string): void {
    const fieldPath = container === undefined ? undefined : containerFieldPath(pod, container);
    this.#options.recorder.event(pod, type, reason, message, fieldPath);
  }
}

interface PullJob {
  readonly pod: Pod;
  readonly wanted: WantedImage;
  readonly spec: ImageSpec;
  readonly key: string;
  readonly reference: string;
  readonly signal: AbortSignal;
  readonly images: ImageService;
}

function repositoryOf(reference: string): string {
  const path = reference.includes("@") ? reference.slice(0, reference.indexOf("@")) : reference;
  const name = path.slice(path.indexOf("/") + 1);
  return name.includes(":") ? name.slice(0, name.lastIndexOf(":")) : name;
}

/** `nginx` → `nginx:latest`; a tag or digest stays. */
export function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  return last.includes(":") || reference.includes("@") || reference.startsWith("sha256:")
    ? reference
    : `${reference}:latest`;
}
