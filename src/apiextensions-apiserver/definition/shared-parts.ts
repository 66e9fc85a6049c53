import type {
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from "../../api/apiextensions/v1/types.gen.ts";
import { deepEqual } from "../../apimachinery/object.ts";

/** What may be said of each version, or once of all. */
export type VersionParts = Pick<
  CustomResourceDefinitionVersion,
  "schema" | "subresources" | "additionalPrinterColumns" | "selectableFields"
>;

const partNames = ["schema", "subresources", "additionalPrinterColumns", "selectableFields"] as const;

/** A definition as upstream judges it: what is the same in all versions stands above them, and in none of them. */
export interface SharedSpec {
  readonly shared: VersionParts;
  /** Without what is shared. */
  readonly versions: readonly CustomResourceDefinitionVersion[];
}

export function withSharedParts({ versions }: CustomResourceDefinitionSpec): SharedSpec {
  const [first] = versions;
  if (!first) return { shared: {}, versions };
  const names = partNames.filter((name) => versions.every((version) => deepEqual(version[name], first[name])));
  const isShared = ([name]: readonly [string, unknown]): boolean => (names as readonly string[]).includes(name);
  return {
    shared: Object.fromEntries(Object.entries(first).filter(isShared)),
    versions: versions.map(
      (version) =>
        Object.fromEntries(
          Object.entries(version).filter((entry) => !isShared(entry)),
        ) as unknown as CustomResourceDefinitionVersion,
    ),
  };
}
