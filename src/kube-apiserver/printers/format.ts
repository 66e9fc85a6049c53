import type { LabelSelector } from "../../apimachinery/meta/v1/types.gen.ts";
import type { Container } from "../../api/core/v1/types.gen.ts";

export const none = "<none>";

/** `a=1,b=2`, sorted; `<none>` when there are none. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? none : pairs.sort().join(",");
}

/** A label selector as its text form, requirements sorted by key. */
export function formatLabelSelector(selector: LabelSelector | null | undefined): string {
  if (!selector) return none;
  const requirements = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => ({
    key,
    text: `${key}=${value}`,
  }));
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const set = `(${[...(values ?? [])].sort().join(",")})`;
    const text = { In: `${key} in ${set}`, NotIn: `${key} notin ${set}`, Exists: key, DoesNotExist: `!${key}` }[
      operator
    ];
    requirements.push({ key, text: text ?? "<error>" });
  }
  if (requirements.length === 0) return none;
  return requirements
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map((r) => r.text)
    .join(",");
}

/** The cells `Containers` and `Images` of workloads. */
export function containerCells(containers: readonly Container[]): readonly [string, string] {
  return [containers.map((c) => c.name).join(","), containers.map((c) => c.image ?? "").join(",")];
}

/** At most `max` of the items, and how many were left out; `empty` when there are none. */
export function formatSome(items: readonly string[], max: number, empty: string): string {
  if (items.length === 0) return empty;
  const shown = items.slice(0, max).join(",");
  return items.length > max ? `${shown} + ${items.length - max} more...` : shown;
}

/** A boolean that may be unset. */
export function formatBool(value: boolean | null | undefined): string {
  if (value === undefined || value === null) return "<unset>";
  return value ? "True" : "False";
}
