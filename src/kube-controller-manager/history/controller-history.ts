import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { NamespacedMeta } from "../../apimachinery/meta/stored-meta.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { isAlreadyExists, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { ControllerRevision } from "../../api/apps/v1/types.gen.ts";
import type { PodTemplateSpec } from "../../api/core/v1/types.gen.ts";
import { controllerRevisions } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import type { ApiClient } from "../../client/rest/api-client.ts";
import { fnv1a32, safeEncode } from "../../component-helpers/hash.ts";
import { labelMatcher } from "../../component-helpers/label-selector.ts";
import { canonical, canonicalTemplate } from "../../component-helpers/pod.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { claimDependents, isControlledBy, newControllerRef } from "../../controller-runtime/controller-ref.ts";
import { claimCandidates } from "../pod-indexes.ts";

/** On pods: the revision they were made from. A hash for DaemonSets, the revision's name for StatefulSets. */
export const revisionHashLabel = "controller-revision-hash";

/** An object whose former pod templates are kept as ControllerRevisions. */
export interface RevisionedOwner extends KubeObject {
  readonly metadata: NamespacedMeta;
  readonly spec: {
    readonly template: PodTemplateSpec;
    readonly selector: LabelSelector | null;
    readonly revisionHistoryLimit?: number;
  };
  readonly status: { readonly collisionCount?: number };
}

export interface HistoryOptions<O extends RevisionedOwner> {
  readonly client: ApiClient;
  readonly owner: O;
  readonly ownerType: ResourceType<O>;
  readonly revisions: SharedInformer<ControllerRevision>;
  /** The label of a revision that holds its hash. */
  readonly hashLabel: string;
  readonly signal: AbortSignal;
}

export interface History {
  /** Of the owner's present template. */
  readonly update: ControllerRevision;
  /** All of the owner's, the oldest first. */
  readonly all: readonly ControllerRevision[];
  readonly collisionCount: number | undefined;
}

/**
 * The revisions of the owner, after seeing to it that the newest is that of the present template. A template that was
 * there before keeps its revision, which only gets a higher number: pods made from it are up to date without a restart.
 */
export async function syncHistory<O extends RevisionedOwner>(options: HistoryOptions<O>): Promise<History> {
  const { client, owner, ownerType, revisions, signal } = options;
  const matches = labelMatcher(owner.spec.selector);
  const claimed = await claimDependents({
    client,
    owner,
    ownerType,
    dependentType: controllerRevisions,
    candidates: claimCandidates(revisions, owner),
    matches: (revision) => matches(revision.metadata.labels),
    signal,
  });
  const all = [...claimed].sort(byRevision);
  const newest = all.at(-1);
  const data = revisionData(owner.spec.template);
  const equal = all.findLast((revision) => semanticEqual(revision.data, data));
  const { collisionCount } = owner.status;
  if (equal && equal === newest) return { update: equal, all, collisionCount };
  const revision = (newest?.revision ?? 0) + 1;
  if (equal) {
    const update = await client
      .resource(controllerRevisions, owner.metadata.namespace)
      .update({ ...equal, revision }, { signal });
    return { update, all: [...all.filter((r) => r !== equal), update], collisionCount };
  }
  const created = await createRevision(options, data, revision);
  return { ...created, all: [...all.filter((r) => r.metadata.uid !== created.update.metadata.uid), created.update] };
}

/** What `kubectl rollout undo` applies to the owner as a patch. In sorted order: others compare it byte for byte. */
export function revisionData(template: PodTemplateSpec): Readonly<Record<string, unknown>> {
  return { spec: { template: canonical({ ...template, $patch: "replace" }) } };
}

/** The template a revision was made of. */
export function templateOf(revision: ControllerRevision, otherwise: PodTemplateSpec): PodTemplateSpec {
  const { spec } = (revision.data ?? {}) as { readonly spec?: { readonly template?: PodTemplateSpec } };
  if (!spec?.template) return otherwise;
  const { $patch: _, ...template } = spec.template as PodTemplateSpec & { readonly $patch?: string };
  return template;
}

async function createRevision<O extends RevisionedOwner>(
  { client, owner, ownerType, hashLabel, signal }: HistoryOptions<O>,
  data: unknown,
  revision: number,
): Promise<Pick<History, "update" | "collisionCount">> {
  const resource = client.resource(controllerRevisions, owner.metadata.namespace);
  let { collisionCount } = owner.status;
  for (;;) {
    const salt = collisionCount === undefined ? "" : `#${collisionCount}`;
    const hash = safeEncode(String(fnv1a32(canonicalTemplate(owner.spec.template) + salt)));
    // The longest name is 253 characters, the hash at most 10.
    const name = `${owner.metadata.name.slice(0, 223)}-${hash}`;
    const metadata = {
      name,
      namespace: owner.metadata.namespace,
      labels: { ...owner.spec.template.metadata.labels, [hashLabel]: hash },
      ...(owner.metadata.annotations ? { annotations: owner.metadata.annotations } : {}),
      ownerReferences: [newControllerRef(ownerType, owner)],
    };
    try {
      return { update: await resource.create({ metadata, data, revision }, { signal }), collisionCount };
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const existing = await resource.get(name, { signal });
      // Ours, not in the cache yet.
      if (isControlledBy(existing, owner) && semanticEqual(existing.data, data))
        return { update: existing, collisionCount };
      // Another template of the same hash: the count makes another hash.
      collisionCount = (collisionCount ?? 0) + 1;
    }
  }
}

/** Deletes the oldest revisions nothing runs of, beyond the limit of the owner. */
export async function truncateHistory<O extends RevisionedOwner>(
  { client, owner, signal }: Pick<HistoryOptions<O>, "client" | "owner" | "signal">,
  all: readonly ControllerRevision[],
  isLive: (revision: ControllerRevision) => boolean,
): Promise<void> {
  const old = all.filter((revision) => !isLive(revision));
  const surplus = old.length - (owner.spec.revisionHistoryLimit ?? 10);
  for (const { metadata } of old.slice(0, Math.max(0, surplus)))
    await client
      .resource(controllerRevisions, owner.metadata.namespace)
      .delete(metadata.name, { preconditions: { uid: metadata.uid }, signal })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error;
      });
}

function byRevision(a: ControllerRevision, b: ControllerRevision): number {
  return a.revision - b.revision || (a.metadata.name < b.metadata.name ? -1 : 1);
}
