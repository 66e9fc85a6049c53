/** Equality and set terms of a selector's text form, as much as tests of clients use: `a=b`, `a!=b`, `a`, `!a`. */
export function matchesLabelSelector(selector: string, labels: Readonly<Record<string, string>>): boolean {
  if (selector === "") return true;
  return selector.split(",").every((term) => {
    const [, key = "", operator, value] = /^([^=!]+)(==?|!=)(.*)$/.exec(term) ?? [];
    if (operator === "!=") return labels[key] !== value;
    if (operator) return labels[key] === value;
    return term.startsWith("!") ? !(term.slice(1) in labels) : term in labels;
  });
}

/** The merge key of the lists the strategic patches of controllers touch. */
const mergeKeys: Readonly<Record<string, string>> = { ownerReferences: "uid", conditions: "type" };
/** Lists of plain values that merge. */
const mergedLists = new Set(["finalizers"]);

/**
 * JSON merge patch; with `isStrategic` the lists above merge by key, `$patch: delete` removes and
 * `$deleteFromPrimitiveList/…` takes values out.
 */
export function mergePatch(target: unknown, patch: unknown, isStrategic: boolean, field = ""): unknown {
  if (Array.isArray(patch)) {
    const [first, ...rest] = patch as unknown[];
    if (isStrategic && (first as { $patch?: unknown } | undefined)?.$patch === "replace") return rest;
    const key = mergeKeys[field];
    if (isStrategic && key) return mergeByKey(Array.isArray(target) ? target : [], patch, key);
    if (isStrategic && mergedLists.has(field))
      return [...new Set([...(Array.isArray(target) ? target : []), ...patch])];
    return patch;
  }
  if (typeof patch !== "object" || patch === null) return patch;
  const result: Record<string, unknown> =
    typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    const listName = /^\$deleteFromPrimitiveList\/(.*)$/.exec(name)?.[1];
    if (listName) result[listName] = without(result[listName], value);
    else if (name.startsWith("$")) continue;
    else if (value === null) delete result[name];
    else result[name] = mergePatch(result[name], value, isStrategic, name);
  }
  return result;
}

function without(list: unknown, removed: unknown): unknown {
  if (!Array.isArray(list) || !Array.isArray(removed)) return list;
  return list.filter((value) => !removed.includes(value));
}

function mergeByKey(target: readonly unknown[], patch: readonly unknown[], key: string): unknown[] {
  const result = [...target] as Record<string, unknown>[];
  for (const item of patch as Record<string, unknown>[]) {
    const at = result.findIndex((existing) => existing[key] === item[key]);
    if (item["$patch"] === "delete") {
      if (at >= 0) result.splice(at, 1);
    } else if (at >= 0) {
      result[at] = mergePatch(result[at], item, true) as Record<string, unknown>;
    } else {
      result.push(item);
    }
  }
  return result;
}
