import type { Condition } from "../../apimachinery/meta/v1/types.gen.ts";
import { isNotFound } from "../../apimachinery/errors/status-error.ts";
import { parseIp, parseNetwork, type IpNetwork } from "../../apimachinery/validation/ip-address.ts";
import type { IPAddress, ServiceCIDR } from "../../api/networking/v1/types.gen.ts";
import { ipAddresses, serviceCIDRs } from "../../api/resources.gen.ts";
import { parseTime, timestamp } from "../../component-helpers/time.ts";
import type { ControllerContext, ControllerDescriptor } from "../../controller-runtime/controller.ts";
import { ReconcileController, type ReconcileResult } from "../../controller-runtime/reconcile-controller.ts";

export const serviceCidrController: ControllerDescriptor = {
  name: "service-cidr-controller",
  serviceAccount: "service-cidrs-controller",
  rules: [
    {
      verbs: ["get", "list", "watch", "patch", "update"],
      apiGroups: ["networking.k8s.io"],
      resources: ["servicecidrs"],
    },
    { verbs: ["patch", "update"], apiGroups: ["networking.k8s.io"], resources: ["servicecidrs/finalizers"] },
    { verbs: ["patch", "update"], apiGroups: ["networking.k8s.io"], resources: ["servicecidrs/status"] },
    { verbs: ["get", "list", "watch"], apiGroups: ["networking.k8s.io"], resources: ["ipaddresses"] },
    { verbs: ["create", "update", "patch"], apiGroups: ["", "events.k8s.io"], resources: ["events"] },
  ],
  create: createServiceCidrController,
};

const finalizer = "networking.k8s.io/service-cidr-finalizer";
// Until all allocators know that the range is on its way out.
const deletionGraceMs = 10_000;

type Range = Pick<IpNetwork, "address" | "prefixLength">;

/** Says of each range of Service addresses that it is ready, and keeps one that is deleted while Services have addresses of it. */
function createServiceCidrController(context: ControllerContext): ReconcileController {
  const { client, clock } = context;
  const ranges = context.informers.for(serviceCIDRs);
  const addresses = context.informers.for(ipAddresses);

  /** The names of the ServiceCIDRs that have a range which contains this one. */
  const containing = (range: Range): string[] =>
    ranges.lister
      .list()
      .filter((each) => rangesOf(each).some((other) => contains(other, range)))
      .map(({ metadata }) => metadata.name);

  /** Whether no address would be left without a range. */
  const isSpare = (cidr: ServiceCIDR): boolean => {
    const own = rangesOf(cidr);
    const isLast = (range: Range): boolean => containing(range).every((name) => name === cidr.metadata.name);
    if (!own.some(isLast)) return true;
    return !addresses.lister.list().some((object) => {
      const address = addressOf(object);
      return address !== undefined && own.some((range) => contains(range, address)) && isLast(address);
    });
  };

  const setReady = async (
    { metadata, status }: ServiceCIDR,
    wanted: Pick<Condition, "status" | "reason" | "message">,
    signal: AbortSignal,
  ): Promise<void> => {
    const present = status.conditions?.find(({ type }) => type === "Ready");
    const isSame =
      present?.status === wanted.status && present.reason === wanted.reason && present.message === wanted.message;
    if (isSame) return;
    const condition = { type: "Ready", ...wanted, lastTransitionTime: timestamp(clock) };
    const patch = { metadata: { uid: metadata.uid }, status: { conditions: [condition] } };
    await client.resource(serviceCIDRs).patch(metadata.name, "strategic", patch, { subresource: "status", signal });
  };

  const patchFinalizer = async ({ metadata }: ServiceCIDR, patch: object, signal: AbortSignal): Promise<void> => {
    try {
      const body = { metadata: { uid: metadata.uid, ...patch } };
      await client.resource(serviceCIDRs).patch(metadata.name, "strategic", body, { signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };

  const reconcile = async (name: string, signal: AbortSignal): Promise<ReconcileResult | void> => {
    const cidr = ranges.lister.getByKey(name);
    if (!cidr) return;
    const { deletionTimestamp, finalizers = [] } = cidr.metadata;
    const isHeld = finalizers.includes(finalizer);
    if (!deletionTimestamp) {
      if (!isHeld) await patchFinalizer(cidr, { finalizers: [finalizer] }, signal);
      return setReady(cidr, { status: "True", reason: "", message: "Kubernetes Service CIDR is ready" }, signal);
    }
    if (!isSpare(cidr)) {
      const message =
        "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR";
      return setReady(cidr, { status: "False", reason: "Terminating", message }, signal);
    }
    const leftMs = parseTime(deletionTimestamp) + deletionGraceMs - clock.now();
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    if (isHeld) await patchFinalizer(cidr, { "$deleteFromPrimitiveList/finalizers": [finalizer] }, signal);
  };

  const controller = new ReconcileController({ ...context, name: "ipaddresses", reconcile });
  /** One that comes or goes may set those free, or bind those, that it overlaps with. */
  const overlapping = (cidr: ServiceCIDR): string[] => [
    cidr.metadata.name,
    ...ranges.lister
      .list()
      .filter((other) => rangesOf(other).some((a) => rangesOf(cidr).some((b) => contains(a, b) || contains(b, a))))
      .map(({ metadata }) => metadata.name),
  ];
  controller.watch(ranges, overlapping);
  controller.watch(addresses, (object) => {
    const address = addressOf(object);
    return address ? containing(address) : [];
  });
  return controller;
}

function rangesOf({ spec }: ServiceCIDR): readonly Range[] {
  return (spec.cidrs ?? []).flatMap((cidr) => parseNetwork(cidr) ?? []);
}

/** An address that a Service has, as the range of it alone. */
function addressOf({ metadata: { name, labels } }: IPAddress): Range | undefined {
  if (labels?.["ipaddress.kubernetes.io/managed-by"] !== "ipallocator.k8s.io") return undefined;
  const address = parseIp(name);
  return address && { address, prefixLength: address.family === 4 ? 32 : 128 };
}

function contains(outer: Range, inner: Range): boolean {
  if (outer.address.family !== inner.address.family || outer.prefixLength > inner.prefixLength) return false;
  const hostBits = BigInt((outer.address.family === 4 ? 32 : 128) - outer.prefixLength);
  return outer.address.value >> hostBits === inner.address.value >> hostBits;
}
