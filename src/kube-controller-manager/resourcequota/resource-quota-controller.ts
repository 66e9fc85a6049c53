import type { Pod, ResourceQuota } from "../../api/core/v1/types.gen.ts";
import { persistentVolumeClaims, pods, resourceClaims, resourceQuotas, services } from "../../api/resources.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import type { KubeObject, ResourceType } from "../../apimachinery/resource-type.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { quotaEvaluator, resourceOfQuotaName } from "../../component-helpers/quota/evaluators.ts";
import { chargedForMs, isScopeChanged } from "../../component-helpers/quota/pod-evaluator.ts";
import { isInScopes } from "../../component-helpers/quota/quota-scopes.ts";
import {
  addResources,
  equalResources,
  exceededResources,
  maskResources,
  parseResourceList,
  resourceListToJson,
  type ResourceList,
} from "../../component-helpers/quota/resource-list.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { CountedKinds } from "./counted-kinds.ts";

export const resourceQuotaController: ControllerDescriptor = {
  name: "resourcequota-controller",
  serviceAccount: "resourcequota-controller",
  rules: [
    { verbs: ["list", "watch"], apiGroups: ["*"], resources: ["*"] },
    { verbs: ["update"], apiGroups: [""], resources: ["resourcequotas/status"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new ResourceQuotaController(context),
};

// Longer than a request may take from its charge to its write.
const settleMs = 1000;

/**
 * Counts what a namespace uses. Admission charges quotas before objects are stored; this gives back what is deleted, ended
 * or was never stored, and takes over limits that change.
 *
 *   charge ──(object stored)──> counted: charge and count agree
 *      └─────(write failed)───> a second after the last charge the count is less: it is written
 *
 * A count below the charges is written only when the quota has not been charged for a second: until then an object may
 * be on its way, and writing would let another one have its place. Counts that are higher are written at once.
 *
 * Differs from upstream, which counts everything again every five minutes: a change of a quota's status is looked after
 * a second later, so that a charge for nothing does not stay.
 */
class ResourceQuotaController implements Controller {
  readonly #context: ControllerContext;
  readonly #quotas: SharedInformer<ResourceQuota>;
  readonly #queue: ReconcileController;
  readonly #kinds: CountedKinds;
  /** When a quota's status was last seen to change, by key. */
  readonly #changedAt = new Map<string, number>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#quotas = context.informers.for(resourceQuotas);
    this.#queue = new ReconcileController({
      ...context,
      name: "resource_quota",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.#kinds = new CountedKinds(context, (namespace) => this.#released(namespace));
    this.#follow();
    this.#serve(pods);
    this.#serve(resourceClaims);
    context.informers.for(pods).addEventHandler({
      onUpdate: (previous, current) => this.#podChanged(previous, current),
    });
    for (const informer of [this.#serve(services), this.#serve(persistentVolumeClaims)]) {
      informer.addEventHandler({
        onUpdate: (previous, current) => {
          if (previous !== current) this.#released(current.metadata.namespace ?? "");
        },
      });
    }
  }

  /** A kind whose objects count by more than their number, and so are needed whole. */
  #serve<T>(type: ResourceType<T>): SharedInformer<KubeObject> {
    // Every kind has metadata; what else the objects hold is their evaluator's to know.
    const informer = this.#context.informers.for(type) as SharedInformer<unknown> as SharedInformer<KubeObject>;
    informer.addEventHandler({ onDelete: ({ metadata }) => this.#released(metadata.namespace ?? "") });
    this.#kinds.serve(type.group, type.resource, informer);
    return informer;
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#queue.run(signal);
  }

  #follow(): void {
    this.#quotas.addEventHandler({
      onAdd: (quota) => this.#queue.enqueue(objectKey(quota)),
      onUpdate: (previous, current) => {
        const key = objectKey(current);
        if (previous.status !== current.status) {
          this.#changedAt.set(key, this.#context.clock.monotonic());
          this.#queue.enqueueAfter(key, settleMs);
        }
        if (JSON.stringify(previous.spec) !== JSON.stringify(current.spec)) this.#queue.enqueue(key);
      },
      onDelete: (quota) => this.#changedAt.delete(objectKey(quota)),
    });
  }

  /** Something of the namespace may use less than before. */
  #released(namespace: string): void {
    for (const quota of this.#quotas.lister.list(namespace)) this.#queue.enqueue(objectKey(quota));
  }

  #podChanged(previous: Pod, current: Pod): void {
    if (this.#quotas.lister.list(current.metadata.namespace).length === 0) return;
    const now = this.#context.clock.now();
    const evaluator = quotaEvaluator("", "pods");
    const { namespace } = current.metadata;
    const isChanged = !equalResources(evaluator.usage(previous, now), evaluator.usage(current, now));
    if (isChanged || isScopeChanged(current, previous)) this.#released(namespace);
    const leftMs = previous.metadata.deletionTimestamp ? undefined : chargedForMs(current, now);
    if (leftMs === undefined) return;
    for (const quota of this.#quotas.lister.list(namespace)) this.#queue.enqueueAfter(objectKey(quota), leftMs);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const quota = this.#quotas.lister.getByKey(key);
    if (!quota || quota.metadata.deletionTimestamp) return;
    const counted = await this.#count(quota, signal);
    const hard = parseResourceList(quota.spec.hard);
    const before = parseResourceList(quota.status.used);
    const hasSameLimits = equalResources(hard, parseResourceList(quota.status.hard)) && quota.status.hard !== undefined;
    if (hasSameLimits && equalResources(counted, before)) return;
    const waitMs = (this.#changedAt.get(key) ?? Number.NEGATIVE_INFINITY) + settleMs - this.#context.clock.monotonic();
    if (waitMs > 0 && exceededResources(before, counted).length > 0) return { requeueAfterMs: waitMs };
    const status = { hard: resourceListToJson(hard), used: resourceListToJson(counted) };
    await this.#context.client
      .resource(resourceQuotas, quota.metadata.namespace)
      .updateStatus({ ...quota, status }, { signal });
  }

  /** The use of everything the quota limits, by what the caches hold. */
  async #count(quota: ResourceQuota, signal: AbortSignal): Promise<ResourceList> {
    const names = Object.keys(quota.spec.hard ?? {});
    const now = this.#context.clock.now();
    let used: ResourceList = new Map(names.map((name) => [name, Quantity.zero]));
    const consumers = new Map(
      names.flatMap((name) => {
        const consumer = resourceOfQuotaName(name);
        return consumer ? [[`${consumer.group}/${consumer.resource}`, consumer]] : [];
      }),
    );
    for (const { group, resource } of consumers.values()) {
      const evaluator = quotaEvaluator(group, resource);
      for (const object of await this.#kinds.list(group, resource, quota.metadata.namespace, signal)) {
        if (isInScopes(quota, evaluator, object)) used = addResources(used, evaluator.usage(object, now));
      }
    }
    return maskResources(used, names);
  }
}
