import { CelError } from "../errors.ts";
import type { Budget } from "../eval/budget.ts";
import { areEqual, compareValues } from "../values/equality.ts";
import { Duration, kindOf, ListValue, OptionalValue, Uint, type Value } from "../values/value.ts";
import { EntriesMap } from "../values/map-values.ts";
import { int } from "./standard.ts";
import type { Functions } from "./signature.ts";

/** Elements `lists.range` makes at most, whatever the budget: memory is not counted by it. */
const rangeMax = 1_000_000n;

const ordered = ["int", "uint", "double", "bool", "string", "bytes", "timestamp", "duration"];

function forOrdered(make: (type: string) => Functions): Functions {
  return Object.assign({}, ...ordered.map(make)) as Functions;
}

/** Lists, sets and maps: Kubernetes' list functions, and the extensions of cel-go. */
export const collectionFunctions: Functions = {
  ...forOrdered((type) => ({
    [`list<${type}>.isSorted(): bool`]: ([list]: readonly [ListValue], budget: Budget) => isSorted(list, budget),
    [`list<${type}>.min(): ${type}`]: ([list]: readonly [ListValue], budget: Budget) => extreme(list, -1, budget),
    [`list<${type}>.max(): ${type}`]: ([list]: readonly [ListValue], budget: Budget) => extreme(list, 1, budget),
    [`list<${type}>.sort(): list<${type}>`]: ([list]: readonly [ListValue], budget: Budget) =>
      ListValue.of(sortedBy([...list], [...list], budget)),
    [`list<T>.@sortByAssociatedKeys(list<${type}>): list<T>`]: (
      [list, keys]: readonly [ListValue, ListValue],
      budget: Budget,
    ) => ListValue.of(sortedBy([...list], [...keys], budget)),
  })),
  "list<int>.sum(): int": ([list]: readonly [ListValue], budget) => {
    budget.chargeText(list.size);
    return [...list].reduce<bigint>((sum, each) => int(sum + (each as bigint)), 0n);
  },
  "list<uint>.sum(): uint": ([list]: readonly [ListValue], budget) => {
    budget.chargeText(list.size);
    return new Uint([...list].reduce<bigint>((sum, each) => sum + (each as Uint).value, 0n));
  },
  "list<double>.sum(): double": ([list]: readonly [ListValue], budget) => {
    budget.chargeText(list.size);
    return [...list].reduce<number>((sum, each) => sum + (each as number), 0);
  },
  "list<duration>.sum(): duration": ([list]: readonly [ListValue], budget) => {
    budget.chargeText(list.size);
    return new Duration([...list].reduce<bigint>((sum, each) => sum + (each as Duration).nanos, 0n));
  },
  "list<T>.indexOf(T): int": ([list, wanted]: readonly [ListValue, Value], budget) =>
    BigInt([...list].findIndex((each) => charged(budget, () => areEqual(each, wanted, budget)))),
  "list<T>.lastIndexOf(T): int": ([list, wanted]: readonly [ListValue, Value], budget) =>
    BigInt([...list].findLastIndex((each) => charged(budget, () => areEqual(each, wanted, budget)))),
  "list<T>.slice(int, int): list<T>": ([list, start, end]: readonly [ListValue, bigint, bigint], budget) => {
    const size = BigInt(list.size);
    if (start < 0n || end < 0n) throw new CelError(`cannot slice(${start}, ${end}), negative indexes not supported`);
    if (start > end)
      throw new CelError(`cannot slice(${start}, ${end}), start index must be less than or equal to end index`);
    if (size < end) throw new CelError(`cannot slice(${start}, ${end}), list is length ${size}`);
    budget.chargeText(Number(end - start));
    return ListValue.of([...list].slice(Number(start), Number(end)));
  },
  "list<list<T>>.flatten(): list<T>": ([list]: readonly [ListValue], budget) => ListValue.of(flat(list, 1n, budget)),
  "list<dyn>.flatten(int): list<dyn>": ([list, depth]: readonly [ListValue, bigint], budget) => {
    if (depth < 0n) throw new CelError("level must be non-negative");
    return ListValue.of(flat(list, depth, budget));
  },
  "list<T>.distinct(): list<T>": ([list]: readonly [ListValue], budget) => {
    const kept: Value[] = [];
    for (const each of list)
      if (!kept.some((known) => charged(budget, () => areEqual(known, each, budget)))) kept.push(each);
    return ListValue.of(kept);
  },
  "list<T>.reverse(): list<T>": ([list]: readonly [ListValue], budget) => {
    budget.chargeText(list.size);
    return ListValue.of([...list].reverse());
  },
  "lists.range(int): list<int>": ([count]: readonly [bigint], budget) => {
    if (count > rangeMax) throw new CelError(`lists.range: ${count} is more than ${rangeMax}`);
    budget.charge(Number(count < 0n ? 0n : count));
    return ListValue.of(Array.from({ length: Math.max(Number(count), 0) }, (_, i) => BigInt(i)));
  },
  "list<T>.first(): optional<T>": ([list]: readonly [ListValue]) =>
    new OptionalValue(list.size > 0 ? list.at(0) : undefined),
  "list<T>.last(): optional<T>": ([list]: readonly [ListValue]) =>
    new OptionalValue(list.size > 0 ? list.at(list.size - 1) : undefined),
  "sets.contains(list<T>, list<T>): bool": ([set, part]: readonly [ListValue, ListValue], budget) =>
    contains(set, part, budget),
  "sets.equivalent(list<T>, list<T>): bool": ([a, b]: readonly [ListValue, ListValue], budget) =>
    contains(a, b, budget) && contains(b, a, budget),
  "sets.intersects(list<T>, list<T>): bool": ([a, b]: readonly [ListValue, ListValue], budget) =>
    [...b].some((each) => [...a].some((other) => charged(budget, () => areEqual(each, other, budget)))),
  // Loops that build maps have a form of their own in the evaluator.
  "cel.@mapInsert(map<K, V>, K, V): map<K, V>": ([map, key, value]: readonly [EntriesMap, Value, Value]) =>
    EntriesMap.ofDistinct([...map.keys().map((each) => [each, map.get(each) ?? null] as const), [key, value]]),
  "cel.@mapInsert(map<K, V>, map<K, V>): map<K, V>": ([map, added]: readonly [EntriesMap, EntriesMap]) =>
    EntriesMap.ofDistinct(
      [map, added].flatMap((each) => each.keys().map((key) => [key, each.get(key) ?? null] as const)),
    ),
};

function charged(budget: Budget, compare: () => boolean): boolean {
  budget.charge(1);
  return compare();
}

function order(a: Value, b: Value, budget: Budget): number {
  const result = kindOf(a) === kindOf(b) ? compareValues(a, b, budget) : undefined;
  if (result === undefined) throw new CelError("list elements must have the same type");
  budget.charge(1);
  return result;
}

function isSorted(list: ListValue, budget: Budget): boolean {
  for (let i = 1; i < list.size; i++) if (order(list.at(i - 1), list.at(i), budget) > 0) return false;
  return true;
}

function extreme(list: ListValue, direction: 1 | -1, budget: Budget): Value {
  const [first, ...rest] = list;
  if (first === undefined) throw new CelError(`${direction < 0 ? "min" : "max"} called on empty list`);
  return rest.reduce((best, each) => (order(each, best, budget) * direction > 0 ? each : best), first);
}

function sortedBy(values: readonly Value[], keys: readonly Value[], budget: Budget): readonly Value[] {
  const pairs = keys.map((key, i) => ({ key, value: values[i] ?? null }));
  return pairs.toSorted((a, b) => order(a.key, b.key, budget)).map(({ value }) => value);
}

function flat(list: ListValue, depth: bigint, budget: Budget): readonly Value[] {
  budget.chargeText(list.size);
  return [...list].flatMap((each) =>
    each instanceof ListValue && depth > 0n ? flat(each, depth - 1n, budget) : [each],
  );
}

function contains(set: ListValue, part: ListValue, budget: Budget): boolean {
  const known = [...set];
  return [...part].every((each) => known.some((other) => charged(budget, () => areEqual(each, other, budget))));
}
