import type { NodeStatus } from "../../api/core/v1/types.gen.ts";
import { Quantity } from "../../apimachinery/quantity.ts";
import { type ResolvedConfig, nodeAllocatableEnforcement } from "../config.ts";
import { thresholdAmount } from "../eviction/thresholds.ts";
import { cpuSharesOf } from "../kuberuntime/linux-resources.ts";
import type { HostFacts, PodCgroupResources } from "../ports.ts";

type Quantities = Readonly<Record<string, Quantity>>;
export type NodeResources = Required<Pick<NodeStatus, "capacity" | "allocatable">>;

// The resources of which something may be kept from pods. `pid` is no resource of the Node, only of control groups.
const reservable = ["cpu", "memory", "ephemeral-storage", "pid"];

/** The signals whose hard thresholds count as kept from pods: what lies below is never theirs. */
const evictionReserves: Readonly<Record<string, string>> = {
  memory: "memory.available",
  "ephemeral-storage": "nodefs.available",
};

/** Throws RangeError, with upstream's text, unless each is an amount of something that can be kept from pods. */
export function checkReserved(reserved: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(reserved)) {
    if (!reservable.includes(name)) throw new RangeError(`cannot reserve "${name}" resource`);
    const quantity = Quantity.tryParse(text);
    if (!quantity) throw new RangeError(`failed to parse quantity "${text}" for "${name}" resource`);
    if (quantity.sign < 0) throw new RangeError(`resource quantity for "${name}" cannot be negative: ${text}`);
  }
}

/** What the node has, and what of it pods may use: the rest after reservations and hard eviction thresholds. */
export function nodeResources(host: HostFacts, config: ResolvedConfig): NodeResources {
  const capacity = capacityOf(host, config);
  const allocatable = mapValues(capacity, (total, name) =>
    atLeastZero(total.sub(reservedOf(config, name)).sub(evictionReserve(config, name, total))),
  );
  return { capacity: texts(capacity), allocatable: texts(allocatable) };
}

/**
 * What all pods together are held to; nothing but their weight unless pods are to be held to it. Eviction thresholds are not
 * taken off: eviction needs the room. Throws RangeError when more is reserved than there is.
 */
export function podsTogether(host: HostFacts, config: ResolvedConfig): PodCgroupResources {
  const { memory, cpu } = capacityOf(host, config);
  const rest = (name: string, total: Quantity = Quantity.zero): Quantity => total.sub(reservedOf(config, name));
  for (const [name, total] of Object.entries({ cpu, memory })) {
    if (total && rest(name, total).sign < 0) {
      const texts = `has a reservation of ${reservedOf(config, name).toString()} but capacity of ${total.toString()}`;
      throw new RangeError(
        `invalid Node Allocatable configuration. Resource "${name}" ${texts}. Expected capacity >= reservation.`,
      );
    }
  }
  const cpuShares = cpuSharesOf(rest("cpu", cpu).toMilliNumber());
  if (!config.enforceNodeAllocatable.includes(nodeAllocatableEnforcement)) return { cpuShares };
  return { cpuShares, memoryLimitInBytes: rest("memory", memory).toNumber() };
}

/** How many process ids are kept from pods; 0 for none. */
export function reservedPids(config: ResolvedConfig): number {
  const isHeld = config.enforceNodeAllocatable.includes(nodeAllocatableEnforcement);
  return isHeld ? reservedOf(config, "pid").toNumber() : 0;
}

function capacityOf(host: HostFacts, config: ResolvedConfig): Quantities {
  const pods = config.podsPerCore > 0 ? Math.min(config.maxPods, host.cpus * config.podsPerCore) : config.maxPods;
  const kibibytes = (bytes: number): Quantity => Quantity.of(Math.floor(bytes / 1024) * 1024, "BinarySI");
  return {
    cpu: Quantity.of(host.cpus),
    "ephemeral-storage": kibibytes(host.ephemeralStorageBytes),
    "hugepages-1Gi": Quantity.zero,
    "hugepages-2Mi": Quantity.zero,
    memory: kibibytes(host.memoryBytes),
    pods: Quantity.of(pods),
  };
}

function reservedOf({ systemReserved, kubeReserved }: ResolvedConfig, name: string): Quantity {
  const of = (list: Readonly<Record<string, string>>): Quantity => Quantity.parse(list[name] ?? "0");
  return of(systemReserved).add(of(kubeReserved));
}

function evictionReserve(config: ResolvedConfig, name: string, total: Quantity): Quantity {
  const signal = Object.hasOwn(evictionReserves, name) ? evictionReserves[name] : undefined;
  const value = signal === undefined ? undefined : config.evictionHard[signal];
  // As a threshold, all of it is none of it.
  if (value === undefined || value === "100%") return Quantity.zero;
  return Quantity.of(thresholdAmount(value, { capacity: total.toNumber() }), "BinarySI");
}

function atLeastZero(quantity: Quantity): Quantity {
  return quantity.sign < 0 ? Quantity.zero : quantity;
}

function mapValues(quantities: Quantities, change: (quantity: Quantity, name: string) => Quantity): Quantities {
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, change(quantity, name)]));
}

/** As the server stores it, which reads and prints it once more: what is reported must compare equal with what is known. */
function texts(quantities: Quantities): Readonly<Record<string, string>> {
  const text = (quantity: Quantity): string => Quantity.parse(quantity.toString()).toString();
  return Object.fromEntries(Object.entries(quantities).map(([name, quantity]) => [name, text(quantity)]));
}
