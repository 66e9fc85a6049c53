import type { Deployment, ReplicaSet } from "../../api/apps/v1/types.gen.ts";
import type { PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { fnv1a32, safeEncode } from "../../component-helpers/hash.ts";
import { canonicalTemplate } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { annotations, byAge, desiredReplicas, maxSurge, revisionOf } from "./deployment-math.ts";

export const templateHashLabel = "pod-template-hash";

type Annotations = Readonly<Record<string, string>>;

// What belongs to the Deployment itself, or is kept on sets by its controller.
const notCopied: ReadonlySet<string> = new Set([
  "kubectl.kubernetes.io/last-applied-configuration",
  annotations.revision,
  annotations.revisionHistory,
  annotations.desiredReplicas,
  annotations.maxReplicas,
  "deprecated.deployment.rollback.to",
]);

// Upstream's limit for the list of former revisions.
const revisionHistoryMaxChars = 2000;

/**
 * The label value that tells the sets of one Deployment apart: a hash of the template, in letters that form no words.
 * Differs from upstream: the hash is taken of canonical JSON instead of a dump of Go structs, so values differ.
 */
export function templateHash(template: PodTemplateSpec, collisionCount: number | undefined): string {
  const salt = collisionCount === undefined ? "" : `#${collisionCount}`;
  return safeEncode(String(fnv1a32(canonicalTemplate(template) + salt)));
}

/** The set made from the Deployment's present template; the oldest, should a bug elsewhere have made two. */
export function findNewSet(d: Deployment, sets: readonly ReplicaSet[]): ReplicaSet | undefined {
  return [...sets].sort(byAge).find((rs) => equalIgnoringHash(rs.spec.template, d.spec.template));
}

export function equalIgnoringHash(a: PodTemplateSpec, b: PodTemplateSpec): boolean {
  return semanticEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec): PodTemplateSpec {
  const { [templateHashLabel]: _, ...labels } = template.metadata.labels ?? {};
  return { ...template, metadata: { ...template.metadata, labels } };
}

export function withHashLabel<T extends { readonly metadata: { readonly labels?: Annotations } }>(
  template: T,
  hash: string,
): T {
  return {
    ...template,
    metadata: { ...template.metadata, labels: { ...template.metadata.labels, [templateHashLabel]: hash } },
  };
}

/** One more than the highest revision of the old sets: rolling back to an old template makes it the newest again. */
export function nextRevision(old: readonly ReplicaSet[]): bigint {
  return old.map(revisionOf).reduce((highest, revision) => (revision > highest ? revision : highest), 0n) + 1n;
}

/** The annotations the new set should have: the Deployment's, its revision, and the revisions it had before. */
export function newSetAnnotations(d: Deployment, current: Annotations, revision: bigint): Annotations {
  const copied = Object.entries(d.metadata.annotations ?? {}).filter(([name]) => !notCopied.has(name));
  const result: Record<string, string> = { ...current, ...Object.fromEntries(copied) };
  const before = current[annotations.revision];
  // What is no number is somebody else's and stays.
  if (before && (!/^-?\d+$/.test(before) || BigInt(before) >= revision)) return result;
  result[annotations.revision] = String(revision);
  if (before !== undefined) {
    const history = current[annotations.revisionHistory];
    result[annotations.revisionHistory] = trimmedHistory(history ? `${history},${before}` : before);
  }
  return result;
}

/** Drops the oldest revisions until the list fits. */
function trimmedHistory(history: string): string {
  let text = history;
  while (text.length > revisionHistoryMaxChars && text.includes(",")) text = text.slice(text.indexOf(",") + 1);
  return text;
}

/** What a set remembers of the Deployment's size, for proportional scaling. */
export function sizeAnnotations(d: Deployment): Annotations {
  return {
    [annotations.desiredReplicas]: String(desiredReplicas(d)),
    [annotations.maxReplicas]: String(desiredReplicas(d) + maxSurge(d)),
  };
}
