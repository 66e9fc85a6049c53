import type { Pod, Service } from "../../api/core/v1/types.gen.ts";
import type { EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { nodes, pods, services } from "../../api/resources.gen.ts";
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
import { ManagedSlices, sliceWriterRule, type SliceFrame } from "./managed-slices.ts";
import { planSlices } from "./slice-plan.ts";

const headlessLabel = "service.kubernetes.io/headless";
// Upstream's default (--max-endpoints-per-slice).
const endpointsPerSliceMax = 100;

export const endpointSliceController: ControllerDescriptor = {
  name: "endpointslice-controller",
  serviceAccount: "endpointslice-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["nodes", "pods", "services"] },
    { verbs: ["update"], apiGroups: [""], resources: ["services/finalizers"] },
    sliceWriterRule,
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
  readonly #slices: ManagedSlices;
  readonly #triggers = new TriggerTimeTracker();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#services = context.informers.for(services);
    this.#pods = context.informers.for(pods);
    this.#slices = new ManagedSlices(context, "endpointslice-controller.k8s.io");
    this.controller = new ReconcileController({
      ...context,
      name: "endpoint_slice",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    watchServicesAndPods(this.controller, this.#services, this.#pods);
    this.#slices.enqueueTo(this.controller);
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
      this.#slices.forget(key);
      this.#triggers.forget(key);
      return;
    }
    if (!selectsPods(service) || service.metadata.deletionTimestamp) return;
    const sync = (existing: readonly EndpointSlice[]) => this.#sync(key, service, existing, signal);
    return this.#slices.syncWhenCurrent(key, { ...service, kind: "Service" }, sync, signal);
  }

  async #sync(key: string, service: Service, existing: readonly EndpointSlice[], signal: AbortSignal): Promise<void> {
    const matches = mapMatcher(service.spec.selector);
    const selected = this.#pods.lister.list(service.metadata.namespace).filter((p) => matches(p.metadata.labels));
    const frame = frameOf(key, service, this.#triggers.changedAt(key, service, selected));
    const nodeLister = this.#context.informers.for(nodes).lister;
    const families = familiesOf(service);
    for (const family of families) {
      const wanted = desiredEndpoints(service, selected, family, (name) => nodeLister.get(undefined, name));
      const ofFamily = existing.filter((slice) => slice.addressType === family);
      await this.#slices.apply(frame, family, planSlices(wanted, ofFamily, endpointsPerSliceMax), signal);
    }
    for (const slice of existing)
      if (!families.some((family) => family === slice.addressType)) await this.#slices.remove(key, slice, signal);
  }
}

/** The Service's own labels, so that slices can be selected as it is. */
function frameOf(key: string, service: Service, changedAt: string | undefined): SliceFrame {
  const { namespace, name, labels = {} } = service.metadata;
  const { [headlessLabel]: _, ...own } = labels;
  return {
    key,
    namespace,
    service: name,
    owner: newControllerRef(services, service),
    labels: { ...own, ...(isHeadless(service) ? { [headlessLabel]: "" } : {}) },
    annotations: ({ [triggerTimeAnnotation]: _t, ...annotations }) =>
      changedAt ? { ...annotations, [triggerTimeAnnotation]: changedAt } : annotations,
    isCurrent: () => true,
  };
}
