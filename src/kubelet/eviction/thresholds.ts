import { Quantity } from "../../apimachinery/quantity.ts";
import { nodeAllocatableEnforcement } from "../config.ts";

export type Signal =
  | "memory.available"
  | "allocatableMemory.available"
  | "nodefs.available"
  | "nodefs.inodesFree"
  | "imagefs.available"
  | "imagefs.inodesFree"
  | "pid.available";

/** What of the node runs short. */
export type Pressure = "MemoryPressure" | "DiskPressure" | "PIDPressure";

export const pressures: readonly Pressure[] = ["MemoryPressure", "DiskPressure", "PIDPressure"];

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = ReadonlyMap<Signal, Observation>;

/** When a signal below `value` (a quantity, or a percentage of the capacity) is answered. */
export interface Threshold {
  readonly signal: Signal;
  readonly value: string;
  readonly isHard: boolean;
  /** How long a soft threshold may be crossed; 0 for hard ones. */
  readonly graceMs: number;
  /** How far above the threshold the signal must be for it to count as resolved; nothing unless given. */
  readonly minReclaim?: string;
}

/** By signal; the order is that in which they are answered. */
export const signals: Readonly<Record<Signal, { readonly pressure: Pressure; readonly resource: string }>> = {
  "memory.available": { pressure: "MemoryPressure", resource: "memory" },
  "allocatableMemory.available": { pressure: "MemoryPressure", resource: "memory" },
  "nodefs.available": { pressure: "DiskPressure", resource: "ephemeral-storage" },
  "nodefs.inodesFree": { pressure: "DiskPressure", resource: "inodes" },
  "imagefs.available": { pressure: "DiskPressure", resource: "ephemeral-storage" },
  "imagefs.inodesFree": { pressure: "DiskPressure", resource: "inodes" },
  "pid.available": { pressure: "PIDPressure", resource: "pids" },
};

/** Upstream's settings of the same names: signals and what they may fall to, for how long, and how much is to be won back. */
export interface EvictionSettings {
  readonly evictionHard: Readonly<Record<string, string>>;
  readonly evictionSoft: Readonly<Record<string, string>>;
  readonly evictionSoftGracePeriodMs: Readonly<Record<string, number>>;
  readonly evictionMinimumReclaim: Readonly<Record<string, string>>;
  readonly enforceNodeAllocatable: readonly string[];
}

/**
 * The thresholds of a configuration. Where the pods together are limited, their memory is watched against that limit as the
 * node's is against the machine's. Throws RangeError, with upstream's text, for what is no signal or no amount.
 */
export function evictionThresholds(settings: EvictionSettings): readonly Threshold[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriodMs, evictionMinimumReclaim } = settings;
  for (const [name, value] of Object.entries(evictionMinimumReclaim)) checkReclaim(name, value);
  for (const name of Object.keys(evictionSoftGracePeriodMs)) signalOf(name);
  const reclaim = (name: string): Pick<Threshold, "minReclaim"> =>
    Object.hasOwn(evictionMinimumReclaim, name) ? { minReclaim: evictionMinimumReclaim[name] ?? "" } : {};
  const hard = parse(evictionHard).map(([signal, value]): Threshold => {
    return { signal, value, isHard: true, graceMs: 0, ...reclaim(signal) };
  });
  const soft = parse(evictionSoft).map(([signal, value]): Threshold => {
    const graceMs = evictionSoftGracePeriodMs[signal];
    if (graceMs === undefined) {
      throw new RangeError(`grace period must be specified for the soft eviction threshold ${signal}`);
    }
    if (graceMs < 0) throw new RangeError(`invalid eviction grace period specified for ${signal}, must be positive`);
    return { signal, value, isHard: false, graceMs, ...reclaim(signal) };
  });
  const ofPods = settings.enforceNodeAllocatable.includes(nodeAllocatableEnforcement)
    ? hard.filter(({ signal }) => signal === "memory.available")
    : [];
  return [...hard, ...soft, ...ofPods.map((t): Threshold => ({ ...t, signal: "allocatableMemory.available" }))];
}

/** As upstream, 0 % and 100 % switch a signal off. */
function parse(values: Readonly<Record<string, string>>): readonly (readonly [Signal, string])[] {
  return Object.entries(values).flatMap(([name, value]): readonly (readonly [Signal, string])[] => {
    const signal = signalOf(name);
    if (value === "0%" || value === "100%") return [];
    if (value.endsWith("%")) {
      const percent = percentOf(name, value);
      if (percent < 0) throw new RangeError(`eviction percentage threshold ${name} must be >= 0%: ${value}`);
      if (percent > 100) throw new RangeError(`eviction percentage threshold ${name} must be <= 100%: ${value}`);
    } else if (quantityOf(name, value).toNumber() <= 0) {
      throw new RangeError(`eviction threshold ${name} must be positive: ${value}`);
    }
    return [[signal, value]];
  });
}

function checkReclaim(name: string, value: string): void {
  signalOf(name);
  if (value.endsWith("%")) {
    if (percentOf(name, value) <= 0) {
      throw new RangeError(`eviction percentage minimum reclaim ${name} must be positive: ${value}`);
    }
  } else if (quantityOf(name, value).toNumber() < 0) {
    throw new RangeError(`negative eviction minimum reclaim specified for ${name}`);
  }
}

function signalOf(name: string): Signal {
  if (!Object.hasOwn(signals, name)) throw new RangeError(`unsupported eviction signal ${name}`);
  return name as Signal;
}

function percentOf(name: string, value: string): number {
  if (!/^[+-]?(\d+\.?\d*|\.\d+)%$/.test(value)) {
    throw new RangeError(`eviction threshold ${name} must be a quantity or a percentage: ${value}`);
  }
  return Number.parseFloat(value);
}

function quantityOf(name: string, value: string): Quantity {
  const quantity = Quantity.tryParse(value);
  if (!quantity) throw new RangeError(`eviction threshold ${name} must be a quantity or a percentage: ${value}`);
  return quantity;
}

/** In units of the signal. */
export function thresholdAmount(value: string, { capacity }: Pick<Observation, "capacity">): number {
  // Upstream keeps the fraction in single precision, and users read the product in messages.
  return value.endsWith("%")
    ? Math.floor(capacity * Math.fround(Math.fround(Number.parseFloat(value)) / 100))
    : Quantity.parse(value).toNumber();
}

/**
 * The thresholds that are crossed. One that was answered before stays so until the signal has risen by its minimum reclaim
 * above it. A signal nobody observed crosses nothing.
 */
export function crossedThresholds(
  thresholds: readonly Threshold[],
  observations: Observations,
  before: ReadonlySet<Threshold>,
): readonly Threshold[] {
  return thresholds.filter((threshold) => {
    const observed = observations.get(threshold.signal);
    // A file system that counts no inodes has no capacity of them.
    if (!observed || observed.capacity === 0) return false;
    const margin = before.has(threshold) ? thresholdAmount(threshold.minReclaim ?? "0", observed) : 0;
    return observed.available < thresholdAmount(threshold.value, observed) + margin;
  });
}
