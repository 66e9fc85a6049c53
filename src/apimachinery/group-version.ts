import type {
  GroupKind,
  GroupResource,
  GroupVersion,
  GroupVersionKind,
  GroupVersionResource,
} from "./meta/v1/types.gen.ts";

// How groups, versions, kinds and resources are written. The `apiVersion` text is made by apiVersionOf.

/** `pods`, `deployments.apps`: how messages name a resource. */
export function formatGroupResource(gr: GroupResource): string {
  return gr.group === "" ? gr.resource : `${gr.resource}.${gr.group}`;
}

/** `Pod`, `Deployment.apps`: how messages name a kind. */
export function formatGroupKind(gk: GroupKind): string {
  return gk.group === "" ? gk.kind : `${gk.kind}.${gk.group}`;
}

/** `apps/v1, Kind=Deployment`. */
export function formatGroupVersionKind(gvk: GroupVersionKind): string {
  return `${gvk.group}/${gvk.version}, Kind=${gvk.kind}`;
}

/** `apps/v1, Resource=deployments`. */
export function formatGroupVersionResource(gvr: GroupVersionResource): string {
  return `${gvr.group}/${gvr.version}, Resource=${gvr.resource}`;
}

/** Reads an `apiVersion`. The empty text is the empty group and version. Throws on more than one slash. */
export function parseGroupVersion(text: string): GroupVersion {
  if (text === "" || text === "/") return { group: "", version: "" };
  const parts = text.split("/");
  const [first = "", second] = parts;
  if (parts.length === 1) return { group: "", version: first };
  if (parts.length === 2) return { group: first, version: second ?? "" };
  throw new Error(`unexpected GroupVersion string: ${text}`);
}

/** The kind an object claims to be. An unreadable `apiVersion` counts as empty, as upstream has it. */
export function gvkFromApiVersion(apiVersion: string, kind: string): GroupVersionKind {
  if (apiVersion.split("/").length > 2) return { group: "", version: "", kind };
  return { ...parseGroupVersion(apiVersion), kind };
}

/** Reads `deployments.apps`: everything after the first dot is the group. */
export function parseGroupResource(text: string): GroupResource {
  const [resource, group] = splitAtFirstDot(text);
  return { group, resource };
}

/** Reads `Deployment.apps`: everything after the first dot is the group. */
export function parseGroupKind(text: string): GroupKind {
  const [kind, group] = splitAtFirstDot(text);
  return { group, kind };
}

/** Reads `deployments.v1.apps` from a command line; undefined when the text has no version part. */
export function parseVersionedResource(text: string): GroupVersionResource | undefined {
  const [resource, rest] = splitAtFirstDot(text);
  if (!rest.includes(".")) return undefined;
  const [version, group] = splitAtFirstDot(rest);
  return { group, version, resource };
}

function splitAtFirstDot(text: string): readonly [string, string] {
  const dot = text.indexOf(".");
  return dot === -1 ? [text, ""] : [text.slice(0, dot), text.slice(dot + 1)];
}

const versionName = /^v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?$/;
const stabilities: readonly (string | undefined)[] = [undefined, "beta", "alpha"];

/**
 * Orders versions as discovery does, the best first: v2, v1, v1beta2, v1beta1, v1alpha1, and what is named otherwise last, by
 * name.
 */
export function compareVersions(a: string, b: string): number {
  const ma = versionName.exec(a);
  const mb = versionName.exec(b);
  if (!ma || !mb) {
    if (ma || mb) return ma ? -1 : 1;
    return a < b ? -1 : Number(a > b);
  }
  const byStability = stabilities.indexOf(ma[2]) - stabilities.indexOf(mb[2]);
  return byStability || Number(mb[1]) - Number(ma[1]) || Number(mb[3] ?? 0) - Number(ma[3] ?? 0);
}
