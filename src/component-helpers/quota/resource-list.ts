import { Quantity } from "../../apimachinery/quantity.ts";

/** Amounts by resource name, exact. */
export type ResourceList = ReadonlyMap<string, Quantity>;

export function parseResourceList(list: Readonly<Record<string, string>> | undefined): Map<string, Quantity> {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, Quantity.parse(text)]));
}

export function resourceListToJson(list: ResourceList): Record<string, string> {
  return Object.fromEntries([...list].map(([name, quantity]) => [name, quantity.toString()]));
}

/** The sum for each name that is in either. */
export function addResources(a: ResourceList, b: ResourceList): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, quantity] of b) sum.set(name, sum.get(name)?.add(quantity) ?? quantity);
  return sum;
}

/** What `a` has over `b`; nothing where it has less. */
export function excessOver(a: ResourceList, b: ResourceList): Map<string, Quantity> {
  return new Map(
    [...a].map(([name, quantity]) => {
      const rest = quantity.sub(b.get(name) ?? Quantity.zero);
      return [name, rest.sign < 0 ? Quantity.zero : rest];
    }),
  );
}

export function maskResources(list: ResourceList, names: Iterable<string>): Map<string, Quantity> {
  const kept = new Set(names);
  return new Map([...list].filter(([name]) => kept.has(name)));
}

export function withoutZeros(list: ResourceList): Map<string, Quantity> {
  return new Map([...list].filter(([, quantity]) => !quantity.isZero));
}

export function equalResources(a: ResourceList, b: ResourceList): boolean {
  return a.size === b.size && [...a].every(([name, quantity]) => b.get(name)?.equals(quantity));
}

/** The names in `a` whose amount is more than `limits` allow. */
export function exceededResources(a: ResourceList, limits: ResourceList): readonly string[] {
  return [...a].flatMap(([name, quantity]) => {
    const limit = limits.get(name);
    return limit && quantity.compare(limit) > 0 ? [name] : [];
  });
}

/** As messages print it: `cpu=1,pods=2`. */
export function formatResources(list: ResourceList): string {
  return [...list]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, quantity]) => `${name}=${quantity.toString()}`)
    .join(",");
}
