import { Quantity } from "../../apimachinery/quantity.ts";

export type Signal =
  | "memory.available"
  | "nodefs.available"
  | "nodefs.inodesFree"
  | "imagefs.available"
  | "imagefs.inodesFree"
  | "pid.available";

/** What of the node runs short. */
export type Pressure = "MemoryPressure" | "DiskPressure" | "PIDPressure";

export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

export type Observations = ReadonlyMap<Signal, Observation>;

/** When a signal below `value` (a quantity, or a percentage of the capacity) is answered. */
export interface Threshold {
  readonly signal: Signal;
  readonly value: string;
  /** How long a soft threshold may be crossed; 0 for hard ones. */
  readonly graceMs: number;
  /** How far above the threshold the signal must be for it to count as resolved; "0" unless given. */
  readonly minReclaim?: string;
}

/** By signal; the order is that in which they are answered. */
export const signals: Readonly<Record<Signal, { readonly pressure: Pressure; readonly resource: string }>> = {
  "memory.available": { pressure: "MemoryPressure", resource: "memory" },
  "nodefs.available": { pressure: "DiskPressure", resource: "ephemeral-storage" },
  "nodefs.inodesFree": { pressure: "DiskPressure", resource: "inodes" },
  "imagefs.available": { pressure: "DiskPressure", resource: "ephemeral-storage" },
  "imagefs.inodesFree": { pressure: "DiskPressure", resource: "inodes" },
  "pid.available": { pressure: "PIDPressure", resource: "pids" },
};

/** Upstream's `evictionHard`. */
export const defaultEvictionHard: Readonly<Record<string, string>> = {
  "memory.available": "100Mi",
  "nodefs.available": "10%",
  "nodefs.inodesFree": "5%",
  "imagefs.available": "15%",
  "imagefs.inodesFree": "5%",
};

/** Throws RangeError for what is no signal or no amount. */
export function hardThresholds(values: Readonly<Record<string, string>>): readonly Threshold[] {
  return Object.entries(values).map(([name, value]) => {
    if (!Object.hasOwn(signals, name)) throw new RangeError(`unsupported eviction signal ${name}`);
    const isAmount = value.endsWith("%") ? Number.parseFloat(value) >= 0 : Quantity.tryParse(value) !== undefined;
    if (!isAmount) throw new RangeError(`eviction threshold ${name} must be a quantity or a percentage: ${value}`);
    return { signal: name as Signal, value, graceMs: 0 };
  });
}

/** In units of the signal. */
export function thresholdAmount(value: string, { capacity }: Observation): number {
  return value.endsWith("%")
    ? Math.floor((capacity * Number.parseFloat(value)) / 100)
    : Quantity.parse(value).toNumber();
}

/**
 * The thresholds that are crossed. One that was crossed before stays so until the signal has risen by its minimum reclaim
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
