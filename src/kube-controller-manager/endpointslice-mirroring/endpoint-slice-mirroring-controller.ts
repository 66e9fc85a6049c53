import type { EndpointAddress, Endpoints, EndpointSubset, Service } from "../../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpoints, services } from "../../api/resources.gen.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { identityOf, portsKey, type EndpointGroup } from "../endpointslice/endpoint-set.ts";
import { ManagedSlices, sliceWriterRule, type SliceFrame } from "../endpointslice/managed-slices.ts";
import { planSlices } from "../endpointslice/slice-plan.ts";
import { triggerTimeAnnotation } from "../trigger-time.ts";

const skipMirrorLabel = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
const notMirrored: ReadonlySet<string> = new Set([
  triggerTimeAnnotation,
  "kubectl.kubernetes.io/last-applied-configuration",
]);
// --mirroring-max-endpoints-per-subset; as many fit into one slice.
const endpointsMax = 1000;

export const endpointSliceMirroringController: ControllerDescriptor = {
  name: "endpointslice-mirroring-controller",
  serviceAccount: "endpointslicemirroring-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["endpoints", "services"] },
    { verbs: ["update"], apiGroups: [""], resources: ["services/finalizers"] },
    { verbs: ["update"], apiGroups: [""], resources: ["endpoints/finalizers"] },
    sliceWriterRule,
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: (context) => new MirroringReconciler(context).controller,
};

/** Keeps EndpointSlices equal to Endpoints somebody has written by hand for a Service without a selector. */
class MirroringReconciler {
  readonly controller: Controller;
  readonly #context: ControllerContext;
  readonly #endpoints: SharedInformer<Endpoints>;
  readonly #services: SharedInformer<Service>;
  readonly #slices: ManagedSlices;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#endpoints = context.informers.for(endpoints);
    this.#services = context.informers.for(services);
    this.#slices = new ManagedSlices(context, "endpointslicemirroring-controller.k8s.io");
    const controller = new ReconcileController({
      ...context,
      name: "endpoint_slice_mirroring",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.controller = controller;
    controller.watch(this.#endpoints);
    controller.watch(this.#services);
    this.#slices.enqueueTo(controller);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const source = this.#endpoints.lister.getByKey(key);
    const service = this.#services.lister.getByKey(key);
    if (!source || !service || !shouldMirror(source) || hasSelector(service)) {
      for (const slice of this.#slices.of(key)) await this.#slices.remove(key, slice, signal);
      if (this.#slices.of(key).length === 0) this.#slices.forget(key);
      return;
    }
    const sync = (existing: readonly EndpointSlice[]) => this.#sync(key, source, existing, signal);
    return this.#slices.syncWhenCurrent(key, { ...source, kind: "Endpoints" }, sync, signal);
  }

  async #sync(key: string, source: Endpoints, existing: readonly EndpointSlice[], signal: AbortSignal): Promise<void> {
    const frame = frameOf(key, source);
    for (const family of ["IPv4", "IPv6"] as const) {
      const wanted = mirroredGroups(source.subsets ?? [], family);
      const ofFamily = existing.filter((slice) => slice.addressType === family);
      // Unlike the slices of a selector, none is as good as an empty one.
      if (wanted.size > 0) await this.#slices.apply(frame, family, planSlices(wanted, ofFamily, endpointsMax), signal);
      else for (const slice of ofFamily) await this.#slices.remove(key, slice, signal);
    }
    this.#tellOfSkipped(source);
  }

  #tellOfSkipped(source: Endpoints): void {
    const sizes = (source.subsets ?? []).map((s) => (s.addresses?.length ?? 0) + (s.notReadyAddresses?.length ?? 0));
    const skipped = sizes.reduce((sum, size) => sum + Math.max(0, size - endpointsMax), 0);
    if (skipped === 0) return;
    const message = `A max of ${endpointsMax} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`;
    this.#context.recorder.event(source, "Warning", "TooManyAddressesToMirror", message);
  }
}

function frameOf(key: string, source: Endpoints): SliceFrame {
  const { namespace, name, labels = {} } = source.metadata;
  const owner = newControllerRef(endpoints, source);
  const annotations = Object.fromEntries(
    Object.entries(source.metadata.annotations ?? {}).filter(([annotation]) => !notMirrored.has(annotation)),
  );
  return {
    key,
    namespace,
    service: name,
    owner,
    labels,
    annotations: () => annotations,
    // Endpoints that were made anew have another UID.
    isCurrent: ({ metadata }) =>
      semanticEqual(metadata.annotations, annotations) && metadata.ownerReferences?.[0]?.uid === owner.uid,
  };
}

function shouldMirror({ metadata: { labels, annotations } }: Endpoints): boolean {
  return labels?.[skipMirrorLabel] !== "true" && annotations?.[leaderAnnotation] === undefined;
}

function hasSelector(service: Service): boolean {
  return Object.keys(service.spec.selector ?? {}).length > 0;
}

/** The endpoints of one family, by their ports. */
function mirroredGroups(subsets: readonly EndpointSubset[], family: "IPv4" | "IPv6"): Map<string, EndpointGroup> {
  const groups = new Map<string, EndpointGroup>();
  for (const subset of subsets) {
    const ports = (subset.ports ?? []).map((p) => ({ ...p, name: p.name ?? "", protocol: p.protocol ?? "TCP" }));
    const all = [
      ...(subset.addresses ?? []).map((address) => mirroredEndpoint(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => mirroredEndpoint(address, false)),
    ];
    const ofFamily = all.filter((e) => e.addresses[0]?.includes(":") === (family === "IPv6")).slice(0, endpointsMax);
    if (ofFamily.length === 0) continue;
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: new Map<string, Endpoint>() };
    groups.set(key, group);
    for (const endpoint of ofFamily) group.endpoints.set(identityOf(endpoint), endpoint);
  }
  return groups;
}

function mirroredEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(nodeName ? { nodeName } : {}),
    ...(targetRef ? { targetRef } : {}),
  };
}
