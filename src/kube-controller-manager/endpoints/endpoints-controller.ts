import { namespaceTerminatingCause } from "../../apimachinery/errors/new.ts";
import { hasStatusCause, isNotFound } from "../../apimachinery/errors/status-error.ts";
import type { EndpointAddress, Endpoints, EndpointSubset, Pod, Service } from "../../api/core/v1/types.gen.ts";
import { endpoints, pods, services } from "../../api/resources.gen.ts";
import { objectKey, splitKey } from "../../client/cache/object-key.ts";
import { mapMatcher } from "../../component-helpers/label-selector.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController } from "../../controller-runtime/reconcile-controller.ts";
import { isHeadless, selectsPods, watchServicesAndPods } from "../service-endpoints.ts";
import { TriggerTimeTracker, triggerTimeAnnotation } from "../trigger-time.ts";
import { endpointSubsets } from "./endpoint-subsets.ts";

const headlessLabel = "service.kubernetes.io/headless";
const managedByLabel = "endpoints.kubernetes.io/managed-by";
const overCapacityAnnotation = "endpoints.kubernetes.io/over-capacity";

// An Endpoints object holds all addresses of a Service; upstream cuts it here. EndpointSlices have no such end.
const addressesMax = 1000;

export const endpointsController: ControllerDescriptor = {
  name: "endpoints-controller",
  eventSource: "endpoint-controller",
  serviceAccount: "endpoint-controller",
  rules: [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods", "services"] },
    { verbs: ["create", "delete", "get", "list", "update", "watch"], apiGroups: [""], resources: ["endpoints"] },
    { verbs: ["create"], apiGroups: [""], resources: ["endpoints/restricted"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: createEndpointsController,
};

const managerName = "endpoint-controller";

/** Keeps the legacy Endpoints object of each Service with a selector, for readers older than EndpointSlices. */
function createEndpointsController(context: ControllerContext): ReconcileController {
  const serviceInformer = context.informers.for(services);
  const podInformer = context.informers.for(pods);
  const endpointsInformer = context.informers.for(endpoints);
  const triggers = new TriggerTimeTracker();

  const reconcile = async (key: string, signal: AbortSignal): Promise<void> => {
    const service = serviceInformer.lister.getByKey(key);
    if (!service) {
      triggers.forget(key);
      if (endpointsInformer.lister.getByKey(key)) await deleteEndpoints(context, key, signal);
      return;
    }
    if (!selectsPods(service)) return;
    const matches = mapMatcher(service.spec.selector);
    const selected = podInformer.lister.list(service.metadata.namespace).filter((p) => matches(p.metadata.labels));
    await sync(service, selected, triggers.changedAt(key, service, selected), signal);
  };

  const sync = async (
    service: Service,
    selected: readonly Pod[],
    changedAt: string | undefined,
    signal: AbortSignal,
  ): Promise<void> => {
    const { namespace, name } = service.metadata;
    const { subsets, isOverCapacity } = cutTo(addressesMax, endpointSubsets(service, selected));
    const labels = endpointsLabels(service);
    const current = endpointsInformer.lister.get(namespace, name);
    const isOverBefore = current?.metadata.annotations?.[overCapacityAnnotation] !== undefined;
    if (
      current &&
      semanticEqual(current.subsets, subsets) &&
      semanticEqual(current.metadata.labels, labels) &&
      isOverBefore === isOverCapacity
    )
      return;
    const { [triggerTimeAnnotation]: _t, [overCapacityAnnotation]: _o, ...kept } = current?.metadata.annotations ?? {};
    const annotations = {
      ...kept,
      ...(changedAt ? { [triggerTimeAnnotation]: changedAt } : {}),
      ...(isOverCapacity ? { [overCapacityAnnotation]: "truncated" } : {}),
    };
    const client = context.client.resource(endpoints, namespace);
    const metadata = { ...(current?.metadata ?? { name, namespace }), labels, annotations };
    try {
      if (current) await client.update({ ...current, metadata, subsets }, { signal });
      else await client.create({ metadata, subsets }, { signal });
    } catch (error) {
      if (!hasStatusCause(error, namespaceTerminatingCause)) throw error;
    }
  };

  const controller = new ReconcileController({ ...context, name: "endpoint", reconcile });
  watchServicesAndPods(controller, serviceInformer, podInformer);
  // Those of others are theirs: without a Service they stay, until one of that name comes and goes.
  controller.watch(endpointsInformer, (object) => (isOurs(object) ? [objectKey(object)] : []));
  return controller;
}

function isOurs({ metadata }: Endpoints): boolean {
  return metadata.labels?.[managedByLabel] === managerName;
}

async function deleteEndpoints(context: ControllerContext, key: string, signal: AbortSignal): Promise<void> {
  const { namespace, name } = splitKey(key);
  try {
    await context.client.resource(endpoints, namespace).delete(name, { signal });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}

function endpointsLabels(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: "" } : {}),
    [managedByLabel]: managerName,
  };
}

/** Ready addresses have precedence over those that are not. */
function cutTo(
  max: number,
  subsets: readonly EndpointSubset[],
): { readonly subsets: readonly EndpointSubset[]; readonly isOverCapacity: boolean } {
  const count = (pick: (s: EndpointSubset) => readonly EndpointAddress[] | undefined): number =>
    subsets.reduce((total, s) => total + (pick(s)?.length ?? 0), 0);
  let readyLeft = max;
  let notReadyLeft = Math.max(0, max - count((s) => s.addresses));
  if (count((s) => s.addresses) + count((s) => s.notReadyAddresses) <= max) return { subsets, isOverCapacity: false };
  const cut = subsets.map(({ addresses = [], notReadyAddresses = [], ...rest }) => {
    const ready = addresses.slice(0, readyLeft);
    const notReady = notReadyAddresses.slice(0, notReadyLeft);
    readyLeft -= ready.length;
    notReadyLeft -= notReady.length;
    return {
      ...rest,
      ...(ready.length > 0 ? { addresses: ready } : {}),
      ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
    };
  });
  const kept = cut.filter((s) => "addresses" in s || "notReadyAddresses" in s);
  return { subsets: kept, isOverCapacity: true };
}
