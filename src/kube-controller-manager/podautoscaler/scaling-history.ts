import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingPolicy,
  HPAScalingRules,
} from "../../api/autoscaling/v2/types.gen.ts";

// --horizontal-pod-autoscaler-downscale-stabilization.
const downscaleStabilizationMs = 300_000;
// Without rules, a workload at most doubles, but may always have four.
const scaleUpFactorMax = 2;
const scaleUpMin = 4;
const int32Max = 2 ** 31 - 1;

interface Moment {
  readonly atMs: number;
  readonly replicas: number;
}

export interface Bounds {
  readonly currentReplicas: number;
  readonly minReplicas: number;
  readonly maxReplicas: number;
}

/** A number of replicas with what it says of itself in a condition. */
export interface Verdict {
  readonly replicas: number;
  /** The number was changed by the rules. */
  readonly isChanged: boolean;
  readonly reason: string;
  readonly message: string;
}

/**
 * What one autoscaler recommended and did, in this process's life: what stabilization and rates are judged by. Times are
 * those of a monotonic clock.
 */
export class ScalingHistory {
  #recommendations: Moment[] = [];
  #ups: Moment[] = [];
  #downs: Moment[] = [];

  /** The first look at the target: less than what it has now is not to be done at once. */
  begin(replicas: number, nowMs: number): void {
    if (this.#recommendations.length === 0) this.#recommendations.push({ atMs: nowMs, replicas });
  }

  /** The target was scaled. `behavior` says how long it counts. */
  scaled(from: number, to: number, behavior: HorizontalPodAutoscalerBehavior | undefined, nowMs: number): void {
    if (!behavior) return;
    const moment = { atMs: nowMs, replicas: Math.abs(to - from) };
    if (to > from) this.#ups = [...since(this.#ups, nowMs - longestPeriodMs(behavior.scaleUp)), moment];
    else this.#downs = [...since(this.#downs, nowMs - longestPeriodMs(behavior.scaleDown)), moment];
  }

  /**
   * Holds against flapping: scaling down goes no lower than the highest recommendation of the window, scaling up no
   * higher than the lowest of its own. Remembers the recommendation.
   */
  stabilize(
    recommended: number,
    { currentReplicas }: Bounds,
    behavior: HorizontalPodAutoscalerBehavior | undefined,
    nowMs: number,
  ): Verdict {
    const downMs = seconds(behavior?.scaleDown?.stabilizationWindowSeconds) ?? downscaleStabilizationMs;
    const upMs = seconds(behavior?.scaleUp?.stabilizationWindowSeconds) ?? 0;
    // Without rules, upstream counts what is just as old as the window, too.
    const within = (windowMs: number): number[] =>
      this.#recommendations
        .filter(({ atMs }) => (behavior ? atMs > nowMs - windowMs : atMs >= nowMs - windowMs))
        .map(({ replicas }) => replicas);
    const lowest = Math.max(recommended, ...within(downMs));
    const highest = Math.min(recommended, ...within(upMs));
    const replicas = behavior ? Math.min(Math.max(currentReplicas, highest), lowest) : lowest;
    this.#recommendations = since(this.#recommendations, nowMs - Math.max(upMs, downMs));
    this.#recommendations.push({ atMs: nowMs, replicas: recommended });
    if (replicas === recommended)
      return {
        replicas,
        isChanged: false,
        reason: "ReadyForNewScale",
        message: "recommended size matches current size",
      };
    const isUp = behavior !== undefined && recommended >= currentReplicas;
    const [direction, extreme] = isUp ? ["Up", "lowest"] : ["Down", "highest"];
    return {
      replicas,
      isChanged: true,
      reason: `Scale${direction}Stabilized`,
      message: `recent recommendations were ${isUp ? "lower" : "higher"} than current one, applying the ${extreme} recent recommendation`,
    };
  }

  /** Keeps the number within the autoscaler's bounds and the rates it may change at. */
  limit(
    replicas: number,
    bounds: Bounds,
    behavior: HorizontalPodAutoscalerBehavior | undefined,
    nowMs: number,
  ): Verdict {
    const { currentReplicas, minReplicas, maxReplicas } = bounds;
    if (!behavior) {
      if (replicas < minReplicas) return tooFew(minReplicas);
      const limit = Math.max(scaleUpFactorMax * currentReplicas, scaleUpMin);
      return replicas > Math.min(limit, maxReplicas) ? tooMany(maxReplicas, limit) : within(replicas);
    }
    if (replicas > currentReplicas) {
      const limit = Math.max(currentReplicas, this.#rateLimit("up", currentReplicas, behavior.scaleUp, nowMs));
      return replicas > Math.min(limit, maxReplicas) ? tooMany(maxReplicas, limit) : within(replicas);
    }
    if (replicas < currentReplicas) {
      const limit = Math.min(currentReplicas, this.#rateLimit("down", currentReplicas, behavior.scaleDown, nowMs));
      if (replicas >= Math.max(limit, minReplicas)) return within(replicas);
      if (minReplicas >= limit) return tooFew(minReplicas);
      const message = "the desired replica count is decreasing faster than the maximum scale rate";
      return { replicas: limit, isChanged: true, reason: "ScaleDownLimit", message };
    }
    return within(replicas);
  }

  /** The number the policies allow to reach in one direction, counted from what there was when each period began. */
  #rateLimit(direction: "up" | "down", current: number, rules: HPAScalingRules | undefined, nowMs: number): number {
    const selection = rules?.selectPolicy ?? "Max";
    if (selection === "Disabled") return current;
    const proposals = (rules?.policies ?? []).map((policy) => {
      const start = nowMs - policy.periodSeconds * 1000;
      const atStart = current - total(since(this.#ups, start)) + total(since(this.#downs, start));
      return direction === "up" ? grown(atStart, policy) : shrunk(atStart, policy);
    });
    // The policy that changes most, or least.
    const isHighest = (direction === "up") === (selection !== "Min");
    return isHighest ? Math.max(...proposals) : Math.min(int32Max, ...proposals);
  }
}

function grown(replicas: number, { type, value }: HPAScalingPolicy): number {
  // Rounded up, or a small workload would never grow.
  return type === "Pods" ? replicas + value : Math.ceil(replicas * (1 + value / 100));
}

function shrunk(replicas: number, { type, value }: HPAScalingPolicy): number {
  return type === "Pods" ? replicas - value : Math.trunc(replicas * (1 - value / 100));
}

function tooFew(replicas: number): Verdict {
  const message = "the desired replica count is less than the minimum replica count";
  return { replicas, isChanged: true, reason: "TooFewReplicas", message };
}

function tooMany(maxReplicas: number, rateLimit: number): Verdict {
  if (maxReplicas > rateLimit) {
    const message = "the desired replica count is increasing faster than the maximum scale rate";
    return { replicas: rateLimit, isChanged: true, reason: "ScaleUpLimit", message };
  }
  const message = "the desired replica count is more than the maximum replica count";
  return { replicas: maxReplicas, isChanged: true, reason: "TooManyReplicas", message };
}

function within(replicas: number): Verdict {
  const message = "the desired count is within the acceptable range";
  return { replicas, isChanged: false, reason: "DesiredWithinRange", message };
}

function longestPeriodMs(rules: HPAScalingRules | undefined): number {
  return Math.max(0, ...(rules?.policies ?? []).map(({ periodSeconds }) => periodSeconds)) * 1000;
}

function since(moments: readonly Moment[], startMs: number): Moment[] {
  return moments.filter(({ atMs }) => atMs > startMs);
}

function total(moments: readonly Moment[]): number {
  return moments.reduce((sum, { replicas }) => sum + replicas, 0);
}

function seconds(value: number | undefined): number | undefined {
  return value === undefined ? undefined : value * 1000;
}
