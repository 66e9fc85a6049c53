import type { Pod } from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import type { AuthConfig } from "../../cri-api/runtime/v1/types.ts";
import type { ObjectStore } from "../config/object-store.ts";

interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

/** Registry credentials from the pod's `imagePullSecrets`. */
export class CredentialStore {
  readonly #objects: ObjectStore;
  readonly #recorder: EventRecorder;

  constructor(objects: ObjectStore, recorder: EventRecorder) {
    this.#objects = objects;
    this.#recorder = recorder;
  }

  /** Runs `pull` with each credential that fits the image, or once without; the last failure is the one reported. */
  async tryEach<T>(pod: Pod, image: string, pull: (auth: AuthConfig | undefined) => Promise<T>): Promise<T> {
    const candidates = await this.#candidates(pod, image);
    let failure: unknown;
    for (const auth of candidates.length > 0 ? candidates : [undefined]) {
      try {
        return await pull(auth);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async #candidates(pod: Pod, image: string): Promise<AuthConfig[]> {
    const found: { readonly registry: string; readonly auth: AuthConfig }[] = [];
    const missing: string[] = [];
    for (const { name = "" } of pod.spec.imagePullSecrets ?? []) {
      if (name === "") continue;
      const secret = await this.#objects.secret(pod.metadata.namespace, name, true);
      if (!secret) missing.push(name);
      for (const [registry, auth] of Object.entries(parseAuths(secret?.data))) {
        if (matches(registry, image)) found.push({ registry, auth: toAuthConfig(auth) });
      }
    }
    if (missing.length > 0) {
      const message = `Unable to retrieve some image pull secrets (${missing.join(", ")}); attempting to pull the image may not succeed.`;
      this.#recorder.event(pod, "Warning", "FailedToRetrieveImagePullSecret", message);
    }
    // The most specific registry path first, as upstream.
    found.sort((a, b) => b.registry.length - a.registry.length);
    return found.map((f) => f.auth);
  }
}

function parseAuths(data: Readonly<Record<string, string>> | undefined): Readonly<Record<string, DockerAuth>> {
  const encoded = data?.[".dockerconfigjson"] ?? data?.[".dockercfg"];
  if (encoded === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(utf8Decode(base64Decode(encoded)));
    if (typeof parsed !== "object" || parsed === null) return {};
    const auths: unknown = data?.[".dockerconfigjson"] === undefined ? parsed : "auths" in parsed ? parsed.auths : {};
    // The values come from a Secret's owner; a malformed one yields credentials that a registry refuses.
    return typeof auths === "object" && auths !== null ? (auths as Record<string, DockerAuth>) : {};
  } catch {
    // A Secret that does not parse holds no credentials; the pull itself will say what is missing.
    return {};
  }
}

function toAuthConfig(auth: DockerAuth): AuthConfig {
  const out: { -readonly [K in keyof AuthConfig]: AuthConfig[K] } = {};
  if (auth.auth) {
    const decoded = utf8Decode(base64Decode(auth.auth));
    const colon = decoded.indexOf(":");
    out.username = decoded.slice(0, colon);
    out.password = decoded.slice(colon + 1);
  }
  if (auth.username) out.username = auth.username;
  if (auth.password) out.password = auth.password;
  if (auth.identitytoken) out.identityToken = auth.identitytoken;
  if (auth.registrytoken) out.registryToken = auth.registrytoken;
  return out;
}

function matches(registry: string, image: string): boolean {
  const bare = registry
    .replace(/^https?:\/\//, "")
    .replace(/\/v[12]\/?$/, "")
    .replace(/\/$/, "");
  const first = image.split("/")[0] ?? "";
  const hasHost = image.includes("/") && (/[.:]/.test(first) || first === "localhost");
  const full = hasHost ? image : `docker.io/${image.includes("/") ? "" : "library/"}${image}`;
  const target = bare === "index.docker.io" ? "docker.io" : bare;
  if (!target.startsWith("*."))
    return full === target || full.startsWith(`${target}/`) || full.startsWith(`${target}:`);
  const host = full.split("/")[0] ?? "";
  return host.split(".").slice(1).join(".") === target.slice(2);
}
