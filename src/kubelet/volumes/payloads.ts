import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  Volume,
  VolumeProjection,
} from "../../api/core/v1/types.gen.ts";
import type { EventRecorder } from "../../client/record/event-recorder.ts";
import { base64Decode, utf8Encode } from "../../component-base/bytes.ts";
import { allContainers, findContainer } from "../api/pods.ts";
import type { ObjectStore } from "../config/object-store.ts";
import { type DownwardFacts, fieldValue, resourceFieldValue } from "../environment/downward-api.ts";
import type { Payload, ProjectedFile } from "./atomic-writer.ts";
import type { TokenManager } from "./token-manager.ts";

export interface PayloadSources {
  readonly objects: ObjectStore;
  readonly tokens: TokenManager;
  readonly facts: DownwardFacts;
  readonly recorder: EventRecorder;
}

const defaultMode = 0o644;

/** What a configMap, secret, downwardAPI or projected volume should hold now; undefined for other volumes. */
export async function volumePayload(pod: Pod, volume: Volume, sources: PayloadSources): Promise<Payload | undefined> {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap) return projectionPayload(pod, { configMap }, configMap.defaultMode ?? defaultMode, sources);
  if (secret) {
    const { secretName, items, optional } = secret;
    const projection = {
      ...(secretName === undefined ? {} : { name: secretName }),
      ...(items ? { items } : {}),
      ...(optional === undefined ? {} : { optional }),
    };
    return projectionPayload(pod, { secret: projection }, secret.defaultMode ?? defaultMode, sources);
  }
  if (downwardAPI) return projectionPayload(pod, { downwardAPI }, downwardAPI.defaultMode ?? defaultMode, sources);
  if (!projected) return undefined;
  const out = new Map<string, ProjectedFile>();
  for (const source of projected.sources ?? []) {
    for (const [path, file] of await projectionPayload(pod, source, projected.defaultMode ?? defaultMode, sources)) {
      out.set(path, file);
    }
  }
  return out;
}

/** Volumes whose content may change while the pod runs. */
export function isLiveVolume(volume: Volume): boolean {
  return Boolean(volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected);
}

async function projectionPayload(
  pod: Pod,
  source: VolumeProjection,
  mode: number,
  { objects, tokens, facts }: PayloadSources,
): Promise<Map<string, ProjectedFile>> {
  const namespace = pod.metadata.namespace;
  if (source.configMap) {
    const { name = "", items, optional } = source.configMap;
    const configMap = await objects.configMap(namespace, name, optional);
    return pick(
      configMapFiles(configMap),
      items,
      mode,
      optional === true,
      `configmap references non-existent config key`,
    );
  }
  if (source.secret) {
    const { name = "", items, optional } = source.secret;
    const secret = await objects.secret(namespace, name, optional);
    return pick(secretFiles(secret), items, mode, optional === true, `references non-existent secret key`);
  }
  if (source.downwardAPI) return downwardPayload(pod, source.downwardAPI.items ?? [], mode, facts);
  if (source.serviceAccountToken) {
    const { audience, expirationSeconds, path } = source.serviceAccountToken;
    const token = await tokens.token(pod, { audience, expirationSeconds: expirationSeconds ?? 3600 });
    return new Map([[path, { data: utf8Encode(token), ...tokenOwnership(pod, mode) }]]);
  }
  throw new Error(`projected volume source ${Object.keys(source).join(", ")} is not supported`);
}

function configMapFiles(configMap: ConfigMap | undefined): Map<string, Uint8Array> {
  const out = new Map<string, Uint8Array>();
  for (const [key, value] of Object.entries(configMap?.data ?? {})) out.set(key, utf8Encode(value));
  for (const [key, value] of Object.entries(configMap?.binaryData ?? {})) out.set(key, base64Decode(value));
  return out;
}

function secretFiles(secret: Secret | undefined): Map<string, Uint8Array> {
  return new Map(Object.entries(secret?.data ?? {}).map(([key, value]) => [key, base64Decode(value)]));
}

function pick(
  files: ReadonlyMap<string, Uint8Array>,
  items: readonly KeyToPath[] | undefined,
  mode: number,
  optional: boolean,
  missing: string,
): Map<string, ProjectedFile> {
  const out = new Map<string, ProjectedFile>();
  if (!items || items.length === 0) {
    for (const [key, data] of files) out.set(key, { data, mode });
    return out;
  }
  for (const item of items) {
    const data = files.get(item.key);
    if (data) out.set(cleanPath(item.path), { data, mode: item.mode ?? mode });
    else if (!optional) throw new Error(`${missing}: ${item.key}`);
  }
  return out;
}

function downwardPayload(
  pod: Pod,
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  facts: DownwardFacts,
): Map<string, ProjectedFile> {
  const out = new Map<string, ProjectedFile>();
  for (const item of items) {
    let text = "";
    if (item.fieldRef) text = fieldValue(pod, item.fieldRef.fieldPath, facts);
    else if (item.resourceFieldRef) {
      const name = item.resourceFieldRef.containerName ?? "";
      const container = findContainer(pod, name);
      if (!container) throw new Error(`container ${name} not found`);
      text = resourceFieldValue(item.resourceFieldRef, pod, container, facts);
    }
    out.set(cleanPath(item.path), { data: utf8Encode(text), mode: item.mode ?? mode });
  }
  return out;
}

/** A token is for the pod's user where there is one, and for its group; the group's rights come with the group. */
function tokenOwnership(pod: Pod, mode: number): { readonly mode: number; readonly uid?: number } {
  const shared = pod.spec.securityContext;
  const users = new Set(allContainers(pod).map((c) => c.securityContext?.runAsUser ?? shared?.runAsUser));
  const [user] = users;
  const uid = users.size === 1 ? user : undefined;
  if (uid !== undefined) return { mode: 0o600, uid };
  return { mode: shared?.fsGroup === undefined ? mode : 0o600 };
}

/** The API server checks these paths; checking again keeps a hole there from becoming a write outside the volume. */
function cleanPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (path.startsWith("/") || parts.length === 0 || parts.includes("..") || parts[0]?.startsWith("..")) {
    throw new Error(`invalid path: ${JSON.stringify(path)}`);
  }
  return parts.join("/");
}
