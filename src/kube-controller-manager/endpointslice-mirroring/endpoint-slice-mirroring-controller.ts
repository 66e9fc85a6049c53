import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { EndpointAddress, Endpoints, EndpointSubset, Service } from "../../api/core/v1/types.gen.ts";
import type { Endpoint, EndpointSlice } from "../../api/discovery/v1/types.gen.ts";
import { endpoints, endpointSlices, services } from "../../api/resources.gen.ts";
import { errorText } from "../../component-base/logger.ts";
import type { SharedInformer } from "../../client/cache/shared-informer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { newControllerRef } from "../../controller-runtime/controller-ref.ts";
import type { Controller, ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";
import { identityOf, portsKey, type EndpointGroup } from "../endpointslice/endpoint-set.ts";
import { planSlices, type SliceContent } from "../endpointslice/slice-plan.ts";
import { WriteTracker } from "../endpointslice/write-tracker.ts";

const serviceNameLabel = "kubernetes.io/service-name";
const managedByLabel = "endpointslice.kubernetes.io/managed-by";
const managedBy = "endpointslicemirroring-controller.k8s.io";
const skipMirrorLabel = "endpointslice.kubernetes.io/skip-mirror";
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader";
const notMirrored: ReadonlySet<string> = new Set([
  "endpoints.kubernetes.io/last-change-trigger-time",
  "endpoints.kubernetes.io/over-capacity",
  "kubectl.kubernetes.io/last-applied-configuration",
]);
const byService = "mirrored-service";
// --mirroring-max-endpoints-per-subset; as many fit into one slice.
const endpointsMax = 1000;
const writeVisibleWithinMs = 1000;

export const endpointSliceMirroringController: ControllerDescriptor = {
  name: "endpointslice-mirroring-controller",
  serviceAccount: "endpointslicemirroring-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["endpoints", "services"] },
    { verbs: ["update"], apiGroups: [""], resources: ["services/finalizers"] },
    { verbs: ["update"], apiGroups: [""], resources: ["endpoints/finalizers"] },
    {
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      apiGroups: ["discovery.k8s.io"],
      resources: ["endpointslices"],
    },
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
  readonly #slices: SharedInformer<EndpointSlice>;
  readonly #tracker: WriteTracker;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#tracker = new WriteTracker(context.clock);
    this.#endpoints = context.informers.for(endpoints);
    this.#services = context.informers.for(services);
    this.#slices = context.informers.for(endpointSlices);
    this.#slices.addIndex(byService, serviceKeys);
    const controller = new ReconcileController({
      ...context,
      name: "endpoint_slice_mirroring",
      reconcile: (key, signal) => this.#reconcile(key, signal),
    });
    this.controller = controller;
    controller.watch(this.#endpoints);
    controller.watch(this.#services);
    this.#slices.addEventHandler({
      onDelete: (slice) => {
        for (const key of serviceKeys(slice)) this.#tracker.gone(key, slice);
      },
    });
    controller.watch(this.#slices, serviceKeys);
  }

  async #reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult | void> {
    const source = this.#endpoints.lister.getByKey(key);
    const service = this.#services.lister.getByKey(key);
    const existing = this.#slices.lister.byIndex(byService, key).filter((slice) => !slice.metadata.deletionTimestamp);
    const isMirrored = source && service && shouldMirror(source) && !hasSelector(service);
    if (!isMirrored && existing.length === 0) {
      this.#tracker.forget(key);
      return;
    }
    if (!this.#tracker.isCurrent(key, existing)) return { requeueAfterMs: writeVisibleWithinMs };
    try {
      if (isMirrored) await this.#sync(key, source, existing, signal);
      else for (const slice of existing) await this.#delete(key, slice, signal);
    } catch (error) {
      if (hasStatusCause(error, namespaceTerminatingCause)) return;
      if (source && !signal.aborted) {
        const message = `Error updating Endpoint Slices for Endpoints ${key}: ${errorText(error)}`;
        this.#context.recorder.event(source, "Warning", "FailedToUpdateEndpointSlices", message);
      }
      throw error;
    }
  }

  async #sync(key: string, source: Endpoints, existing: readonly EndpointSlice[], signal: AbortSignal): Promise<void> {
    for (const family of ["IPv4", "IPv6"] as const) {
      const wanted = mirroredGroups(source.subsets ?? [], family);
      const ofFamily = existing.filter((slice) => slice.addressType === family);
      if (wanted.size === 0) {
        for (const slice of ofFamily) await this.#delete(key, slice, signal);
        continue;
      }
      const plan = planSlices(wanted, ofFamily, endpointsMax);
      for (const content of plan.create) await this.#create(key, source, family, content, signal);
      for (const { slice, content } of plan.update) await this.#update(key, source, slice, content, signal);
      const annotations = mirroredAnnotations(source);
      for (const slice of plan.keep) {
        const { metadata, ports, endpoints: list } = slice;
        if (semanticEqual(metadata.labels, sliceLabels(source)) && semanticEqual(metadata.annotations, annotations))
          continue;
        await this.#update(key, source, slice, { ports: ports ?? [], endpoints: list ?? [] }, signal);
      }
      for (const slice of plan.remove) await this.#delete(key, slice, signal);
    }
  }

  async #create(
    key: string,
    source: Endpoints,
    addressType: "IPv4" | "IPv6",
    content: SliceContent,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, namespace } = source.metadata;
    const metadata = {
      generateName: `${name}-`,
      namespace,
      labels: sliceLabels(source),
      annotations: mirroredAnnotations(source),
      ownerReferences: [newControllerRef(endpoints, source)],
    };
    const created = await this.#context.client
      .resource(endpointSlices, namespace)
      .create({ metadata, addressType, ...content }, { signal });
    this.#tracker.wrote(key, created);
  }

  async #update(
    key: string,
    source: Endpoints,
    slice: EndpointSlice,
    content: SliceContent,
    signal: AbortSignal,
  ): Promise<void> {
    const metadata = { ...slice.metadata, labels: sliceLabels(source), annotations: mirroredAnnotations(source) };
    const updated = await this.#context.client
      .resource(endpointSlices, slice.metadata.namespace)
      .update({ ...slice, ...content, metadata }, { signal });
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

function mirroredAnnotations({ metadata: { annotations } }: Endpoints): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations ?? {}).filter(([name]) => !notMirrored.has(name)));
}

function sliceLabels({ metadata: { name, labels } }: Endpoints): Readonly<Record<string, string>> {
  return { ...labels, [serviceNameLabel]: name, [managedByLabel]: managedBy };
}

/** The Service a slice of ours belongs to. */
function serviceKeys(slice: EndpointSlice): string[] {
  const labels = slice.metadata.labels ?? {};
  const name = labels[serviceNameLabel];
  return name && labels[managedByLabel] === managedBy ? [`${slice.metadata.namespace}/${name}`] : [];
}
