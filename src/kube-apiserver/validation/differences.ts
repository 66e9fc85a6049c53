import { deepEqual } from "../../apimachinery/object.ts";
import { goJson } from "../../apimachinery/go-format.ts";

/**
 * What an update that is refused as a whole would change: a line for every value that differs, with its path below `path`.
 * Empty when nothing does.
 *
 * Differs from upstream, whose messages end in a dump of Go structs.
 */
export function differencesOf(old: unknown, next: unknown, path: string): string {
  return [...lines(withoutEmpty(old), withoutEmpty(next), path)].join("\n");
}

/** Maps of specs: empty and absent are one. Structs are another matter: an empty affinity is not none. */
const maps = new Set([
  "annotations",
  "labels",
  "limits",
  "matchLabels",
  "nodeSelector",
  "options",
  "overhead",
  "requests",
  "volumeAttributes",
]);

/** Without empty lists and maps. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (!isObject(value)) return value;
  const isNothing = (name: string, member: unknown): boolean =>
    member === undefined ||
    (Array.isArray(member) && member.length === 0) ||
    (maps.has(name) && isObject(member) && Object.keys(member).length === 0);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name, member]) => !isNothing(name, member))
      .map(([name, member]) => [name, withoutEmpty(member)]),
  );
}

function* lines(old: unknown, next: unknown, path: string): Generator<string> {
  if (deepEqual(old, next)) return;
  if (isObject(old) && isObject(next)) {
    for (const key of new Set([...Object.keys(old), ...Object.keys(next)])) {
      yield* lines(old[key], next[key], Array.isArray(old) ? `${path}[${key}]` : `${path}.${key}`);
    }
  } else yield `  ${path}: ${goJson(old ?? null)} -> ${goJson(next ?? null)}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
