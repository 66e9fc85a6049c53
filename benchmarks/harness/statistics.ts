/** The value below which `fraction` of the values lie (nearest rank); NaN of nothing. */
export function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(Math.ceil(sorted.length * fraction) - 1, 0)] ?? NaN;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
