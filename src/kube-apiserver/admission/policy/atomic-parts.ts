import { isJsonObject } from "../../../apimachinery/object.ts";
import type { ApplyType } from "../../../apimachinery/structured-merge-diff/apply-type.ts";

/**
 * The paths of a configuration's parts that are owned as a whole: what is not repeated in them would be lost, so policies may
 * not set them.
 */
export function atomicParts(value: unknown, type: ApplyType, path = ""): readonly string[] {
  const own = (isAtomic: boolean): readonly string[] => (isAtomic ? [path] : []);
  if (type.kind === "map" && isJsonObject(value)) {
    const below = Object.entries(value).flatMap(([name, member]) => {
      const field = type.field(name);
      return field ? atomicParts(member, field.type, `${path}.${name}`) : [];
    });
    return [...own(type.isAtomic), ...below];
  }
  if (type.kind === "list" && Array.isArray(value)) {
    const below = value.flatMap((item, i) => atomicParts(item, type.items, `${path}[${i}]`));
    return [...own(type.relationship === "atomic"), ...below];
  }
  return [];
}
