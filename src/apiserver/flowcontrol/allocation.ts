import { assert } from "../../component-base/assert.ts";

/** One of those that share: 0 <= lower <= target, lower <= upper. */
export interface AllocationClass {
  readonly target: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Allocation {
  /** By class; their sum is what was to be shared. */
  readonly shares: readonly number[];
  /** What a class gets for each unit of its target, where its bounds do not stop it. */
  readonly fairProportion: number;
}

// Nothing is divided by a target of zero.
const targetMin = 0.001;
// Of sums of many parts.
const epsilon = 1e-7;

/**
 * Shares `total` in proportion to the targets, as far as the bounds let. There is one proportion at which the shares,
 * each kept within its bounds, add up to the total. Undefined when the bounds leave no way.
 */
export function allocate(total: number, classes: readonly AllocationClass[]): Allocation | undefined {
  const items = classes.map(({ target, lower, upper }) => ({ target: Math.max(target, targetMin), lower, upper }));
  const lowest = sum(items.map(({ lower }) => lower));
  const highest = sum(items.map(({ upper }) => upper));
  if (total < 0 || lowest - total > epsilon || total - highest > epsilon) return undefined;
  const lowerProportions = items.map(({ target, lower }) => lower / target);
  const upperProportions = items.map(({ target, upper }) => upper / target);
  if (total === 0) return { shares: items.map(() => 0), fairProportion: 0 };
  if (lowest - total > -epsilon)
    return { shares: items.map(({ lower }) => lower), fairProportion: Math.min(...lowerProportions) };
  if (total - highest > -epsilon)
    return { shares: items.map(({ upper }) => upper), fairProportion: Math.max(...upperProportions) };
  const fairProportion = solve(total, items, [...lowerProportions, ...upperProportions]);
  const shares = items.map(({ target, lower, upper }) => Math.max(lower, Math.min(upper, fairProportion * target)));
  return { shares, fairProportion };
}

/**
 * The sum of the shares is a broken line that rises with the proportion and bends where a class leaves its lower bound or
 * reaches its upper one: goes along it from bend to bend until the total is in reach.
 */
function solve(total: number, items: readonly AllocationClass[], bends: readonly number[]): number {
  const sumAt = (proportion: number): number =>
    sum(items.map(({ target, lower, upper }) => Math.max(lower, Math.min(upper, proportion * target))));
  let from = 0;
  for (const to of [...new Set(bends)].sort((a, b) => a - b)) {
    const [low, high] = [sumAt(from), sumAt(to)];
    if (high >= total) return high === low ? to : from + ((total - low) / (high - low)) * (to - from);
    from = to;
  }
  assert(false, "the bounds were checked before");
}

function sum(values: readonly number[]): number {
  return values.reduce((all, each) => all + each, 0);
}
