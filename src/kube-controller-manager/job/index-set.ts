/** Completion indexes as the API writes them: `1,3-5,7`. What is malformed or not below `limit` is left out. */
export function parseIndexes(text: string | undefined, limit: number): Set<number> {
  const indexes = new Set<number>();
  for (const part of text ? text.split(",") : []) {
    const [first = "", last = first] = part.split("-");
    if (!/^\d+$/.test(first) || !/^\d+$/.test(last)) continue;
    for (let i = Number(first); i <= Number(last) && i < limit; i++) indexes.add(i);
  }
  return indexes;
}

/** Sorted, with a dash for three or more in a row. */
export function formatIndexes(indexes: Iterable<number>): string {
  const sorted = [...indexes].sort((a, b) => a - b);
  const parts: string[] = [];
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    if (end === i) parts.push(`${sorted[i]}`);
    else parts.push(`${sorted[i]}${end === i + 1 ? "," : "-"}${sorted[end]}`);
    i = end + 1;
  }
  return parts.join(",");
}

/** The lowest `count` indexes below `limit` that are in none of the sets. */
export function firstFreeIndexes(count: number, limit: number, taken: readonly ReadonlySet<number>[]): number[] {
  const free: number[] = [];
  for (let i = 0; i < limit && free.length < count; i++) if (!taken.some((set) => set.has(i))) free.push(i);
  return free;
}
