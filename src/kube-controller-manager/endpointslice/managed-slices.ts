import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { OwnerReference } from "../../apimachinery/meta/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpointSlices } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import type { EventTarget } from "../../client/record/event-recorder.ts";
import type { ControllerContext } from "../../controller-runtime/controller.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { ReconcileController, ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import type { SliceContent, SlicePlan } from "./slice-plan.ts";
import { WriteTracker, writeVisibleWithinMs } from "./write-tracker.ts";

const serviceNameLabel = "kubernetes.io/service-name";
const managedByLabel = "endpointslice.kubernetes.io/managed-by";

/** Upstream's rule for whoever writes slices. */
export const sliceWriterRule = {
  verbs: ["create", "delete", "get", "list", "update", "watch"],
  apiGroups: ["discovery.k8s.io"],
  resources: ["endpointslices"],
};

/** What the slices of one Service have beside their endpoints. */
export interface SliceFrame {
  /** Key of the Service: `namespace/name`. */
  readonly key: string;
  readonly namespace: string;
  readonly service: string;
  readonly owner: OwnerReference;
  /** Without those that say whose the slice is. */
  readonly labels: Readonly<Record<string, string>>;
  /** What a slice gets when it is written; `current` is what it has. */
  readonly annotations: (current: Readonly<Record<string, string>>) => Readonly<Record<string, string>>;
  /** False for a slice that has to be written though its endpoints are right. */
  readonly isCurrent: (slice: EndpointSlice) => boolean;
}

/** The slices one controller manages. It knows those of a Service, writes them, and knows whether the cache shows all writes. */
export class ManagedSlices {
  readonly #context: ControllerContext;
  readonly #managedBy: string;
  readonly #index: string;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #tracker: WriteTracker;

  constructor(context: ControllerContext, managedBy: string) {
    this.#context = context;
    this.#managedBy = managedBy;
    this.#index = `slices of ${managedBy}`;
    this.#tracker = new WriteTracker(context.clock);
    this.#slices = context.informers.for(endpointSlices);
    this.#slices.addIndex(this.#index, (slice) => this.#keysOf(slice));
  }

  /** Enqueues the Service of every slice that changes. */
  enqueueTo(controller: ReconcileController): void {
    this.#slices.addEventHandler({
      onDelete: (slice) => {
        for (const key of this.#keysOf(slice)) this.#tracker.gone(key, slice);
      },
    });
    controller.watch(this.#slices, (slice) => this.#keysOf(slice));
  }

  /** Those of the Service, without those being deleted. */
  of(key: string): readonly EndpointSlice[] {
    return this.#slices.lister.byIndex(this.#index, key).filter((slice) => !slice.metadata.deletionTimestamp);
  }

  forget(key: string): void {
    this.#tracker.forget(key);
  }

  /**
   * Runs `sync`, unless the cache is behind: then its event brings the key back. A failure is told in an event of
   * `reportTo`; a namespace on its way out is none.
   */
  async syncWhenCurrent(
    key: string,
    reportTo: EventTarget & { readonly kind: "Service" | "Endpoints" },
    sync: (existing: readonly EndpointSlice[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<ReconcileResult | void> {
    const existing = this.of(key);
    if (!this.#tracker.isCurrent(key, existing)) return { requeueAfterMs: writeVisibleWithinMs };
    try {
      await sync(existing);
    } catch (error) {
      if (hasStatusCause(error, namespaceTerminatingCause)) return;
      if (!signal.aborted) {
        const message = `Error updating Endpoint Slices for ${reportTo.kind} ${key}: ${errorText(error)}`;
        this.#context.recorder.event(reportTo, "Warning", "FailedToUpdateEndpointSlices", message);
      }
      throw error;
    }
  }

  /** Does what the plan says: creations first, so that no endpoint is missing meanwhile. */
  async apply(frame: SliceFrame, addressType: "IPv4" | "IPv6", plan: SlicePlan, signal: AbortSignal): Promise<void> {
    for (const content of plan.create) await this.#create(frame, addressType, content, signal);
    for (const { slice, content } of plan.update) await this.#update(frame, slice, content, signal);
    for (const slice of plan.keep)
      if (!frame.isCurrent(slice) || !this.#hasLabels(slice, frame))
        await this.#update(frame, slice, { ports: slice.ports ?? [], endpoints: slice.endpoints ?? [] }, signal);
    for (const slice of plan.remove) await this.remove(frame.key, slice, signal);
  }

  async remove(key: string, slice: EndpointSlice, signal: AbortSignal): Promise<void> {
    this.#tracker.deleted(key, slice);
    try {
      await this.#context.client
        .resource(endpointSlices, slice.metadata.namespace)
        .delete(slice.metadata.name, { preconditions: { uid: slice.metadata.uid }, signal });
    } catch (error) {
      if (isNotFound(error)) return;
      this.#tracker.gone(key, slice);
      throw error;
    }
  }

  async #create(
    frame: SliceFrame,
    addressType: "IPv4" | "IPv6",
    content: SliceContent,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace, service, owner } = frame;
    const metadata = {
      generateName: `${service}-`,
      namespace,
      labels: this.#labels(frame),
      annotations: frame.annotations({}),
      ownerReferences: [owner],
    };
    const created = await this.#context.client
      .resource(endpointSlices, namespace)
      .create({ metadata, addressType, ...content }, { signal });
    this.#tracker.wrote(frame.key, created);
  }

  async #update(frame: SliceFrame, slice: EndpointSlice, content: SliceContent, signal: AbortSignal): Promise<void> {
    const metadata = {
      ...slice.metadata,
      labels: this.#labels(frame),
      annotations: frame.annotations(slice.metadata.annotations ?? {}),
      ownerReferences: [frame.owner],
    };
    const updated = await this.#context.client
      .resource(endpointSlices, frame.namespace)
      .update({ ...slice, ...content, metadata }, { signal });
    this.#tracker.wrote(frame.key, updated);
  }

  #labels({ labels, service }: SliceFrame): Readonly<Record<string, string>> {
    return { ...labels, [serviceNameLabel]: service, [managedByLabel]: this.#managedBy };
  }

  #hasLabels(slice: EndpointSlice, frame: SliceFrame): boolean {
    return semanticEqual(slice.metadata.labels, this.#labels(frame));
  }

  #keysOf({ metadata: { namespace, labels = {} } }: EndpointSlice): string[] {
    const name = labels[serviceNameLabel];
    return name && labels[managedByLabel] === this.#managedBy ? [`${namespace}/${name}`] : [];
  }
}
