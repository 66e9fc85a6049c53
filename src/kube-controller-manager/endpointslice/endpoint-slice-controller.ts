import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { Pod, Service } from "../../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpointSlices, nodes, pods, services } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import { objectKey } from "../../client/cache/object-key.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { mapMatcher } from "../../component-helpers/label-selector.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { familiesOf, isHeadless, selectsPods, watchServicesAndPods } from "../service-endpoints.ts";
import { TriggerTimeTracker, triggerTimeAnnotation } from "../trigger-time.ts";
import { desiredEndpoints } from "./endpoint-set.ts";
import { planSlices, type SliceContent } from "./slice-plan.ts";
import { WriteTracker, writeVisibleWithinMs } from "./write-tracker.ts";

const serviceNameLabel = "kubernetes.io/service-name";
const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const headlessLabel = "service.kubernetes.io/headless";
const managedBy = "endpointslice-controller.k8s.io";
const byService = "service";

// Upstream's default (--max-endpoints-per-slice).
const endpointsPerSliceMax = 100;

export const endpointSliceController: ControllerDescriptor = {
  name: "endpointslice-controller",
  serviceAccount: "endpointslice-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["nodes", "pods", "services"] },
    { verbs: ["update"], apiGroups: [""], resources: ["services/finalizers"] },
    {
      verbs: ["create", "delete", "get", "list", "update", "watch"],
      apiGroups: ["discovery.k8s.io"],
      resources: ["endpointslices"],
    },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new EndpointSliceReconciler(context).controller,
};

/** Keeps the EndpointSlices of each Service with a selector equal to the pods it selects. */
class EndpointSliceReconciler {
  readonly controller: ReconcileController;
  readonly #context: ControllerContext;
  readonly #services: SharedInformer<Service>;
  readonly #pods: SharedInformer<Pod>;
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #tracker: WriteTracker;
  readonly #triggers = new TriggerTimeTracker();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#tracker = new WriteTracker(context.clock);
    this.#services = context.informers.for(services);
    this.#pods = context.informers.for(pods);
    this.#slices = context.informers.for(endpointSlices);
    this.#slices.addIndex(byService, serviceKeys);
    this.controller = new ReconcileController({
      ...context,
      name: "endpoint_slice",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    watchServicesAndPods(this.controller, this.#services, this.#pods);
    this.#slices.addEventHandler({
      onDelete: (slice) => {
        for (const key of serviceKeys(slice)) this.#tracker.gone(key, slice);
      },
    });
    this.controller.watch(this.#slices, serviceKeys);
    this.#watchNodes();
  }

  /** A node that comes, or moves to another zone, concerns the Services of its pods. */
  #watchNodes(): void {
    const nodeInformer = this.#context.informers.for(nodes);
    const byNode = "spec.nodeName";
    this.#pods.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
    this.controller.watch(
      nodeInformer,
      (node) => {
        const keys = new Set<string>();
        for (const pod of this.#pods.lister.byIndex(byNode, node.metadata.name))
          for (const service of this.#services.lister.list(pod.metadata.namespace))
            if (mapMatcher(service.spec.selector)(pod.metadata.labels)) keys.add(objectKey(service));
        return [...keys];
      },
      (previous, current) => !semanticEqual(previous.metadata.labels, current.metadata.labels),
    );
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const service = this.#services.lister.getByKey(key);
    if (!service) {
      // The slices go with the Service, by the garbage collector.
      this.#tracker.forget(key);
      this.#triggers.forget(key);
      return;
    }
    if (!selectsPods(service) || service.metadata.deletionTimestamp) return;
    const existing = this.#slices.lister.byIndex(byService, key).filter((s) => !s.metadata.deletionTimestamp);
    if (!this.#tracker.isCurrent(key, existing)) return { requeueAfterMs: writeVisibleWithinMs };
    const matches = mapMatcher(service.spec.selector);
    const selected = this.#pods.lister.list(service.metadata.namespace).filter((p) => matches(p.metadata.labels));
    const changedAt = this.#triggers.changedAt(key, service, selected);
    try {
      await this.#sync(key, service, selected, existing, changedAt, signal);
    } catch (error) {
      if (hasStatusCause(error, namespaceTerminatingCause)) return;
      if (!signal.aborted) {
        const message = `Error updating Endpoint Slices for Service ${key}: ${errorText(error)}`;
        this.#context.recorder.event(service, "Warning", "FailedToUpdateEndpointSlices", message);
      }
      throw error;
    }
  }

  async #sync(
    key: string,
    service: Service,
    selected: readonly Pod[],
    existing: readonly EndpointSlice[],
    changedAt: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const nodeLister = this.#context.informers.for(nodes).lister;
    const families = familiesOf(service);
    for (const family of families) {
      const wanted = desiredEndpoints(service, selected, family, (name) => nodeLister.get(undefined, name));
      const ofFamily = existing.filter((slice) => slice.addressType === family);
      const plan = planSlices(wanted, ofFamily, endpointsPerSliceMax);
      for (const content of plan.create) await this.#create(key, service, family, content, changedAt, signal);
      for (const { slice, content } of plan.update) await this.#update(key, service, slice, content, changedAt, signal);
      // Kept slices follow the Service's labels.
      for (const slice of plan.keep)
        if (!semanticEqual(slice.metadata.labels, sliceLabels(service)))
          await this.#update(key, service, slice, contentOf(slice), changedAt, signal);
      for (const slice of plan.remove) await this.#delete(key, slice, signal);
    }
    for (const slice of existing)
      if (!families.some((family) => family === slice.addressType)) await this.#delete(key, slice, signal);
  }

  async #create(
    key: string,
    service: Service,
    family: "IPv4" | "IPv6",
    content: SliceContent,
    changedAt: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, namespace } = service.metadata;
    const created = await this.#context.client.resource(endpointSlices, namespace).create(
      {
        metadata: {
          generateName: `${name}-`,
          namespace,
          labels: sliceLabels(service),
          annotations: changedAt ? { [triggerTimeAnnotation]: changedAt } : {},
          ownerReferences: [newControllerRef(services, service)],
        },
        addressType: family,
        ...content,
      },
      { signal },
    );
    this.#tracker.wrote(key, created);
  }

  async #update(
    key: string,
    service: Service,
    slice: EndpointSlice,
    content: SliceContent,
    changedAt: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { [triggerTimeAnnotation]: _, ...annotations } = slice.metadata.annotations ?? {};
    const updated = await this.#context.client.resource(endpointSlices, slice.metadata.namespace).update(
      {
        ...slice,
        ...content,
        metadata: {
          ...slice.metadata,
          labels: sliceLabels(service),
          annotations: changedAt ? { ...annotations, [triggerTimeAnnotation]: changedAt } : annotations,
        },
      },
      { signal },
    );
    this.#tracker.wrote(key, updated);
  }

  async #delete(key: string, slice: EndpointSlice, signal: AbortSignal): Promise<void> {
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
}

function contentOf(slice: EndpointSlice): SliceContent {
  return { ports: slice.ports ?? [], endpoints: slice.endpoints ?? [] };
}

/** The Service a slice of ours belongs to. */
function serviceKeys(slice: EndpointSlice): string[] {
  const labels = slice.metadata.labels ?? {};
  const name = labels[serviceNameLabel];
  return name && labels[managedByLabel] === managedBy ? [`${slice.metadata.namespace}/${name}`] : [];
}

/** The Service's own labels, so that slices can be selected as it is, and those that say what the slice is. */
function sliceLabels(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: "" } : {}),
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedBy,
  };
}
