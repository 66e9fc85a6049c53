import { apiVersions, typeOnlyVersions } from "../../api/groups.ts";
import type { ResolvedType, StructType } from "../../apimachinery/schema/type-registry.ts";
import { TypeRegistry } from "../../apimachinery/schema/type-registry.ts";
import { assert } from "../../component-base/assert.ts";
import { sortedMap } from "./common.ts";

/**
 * A part of an object as messages of the API show it: upstream validates types of its own, whose members are written with
 * Go's names and never left out. `type` is a struct of the schema, `folder.Name`. Types of `meta/v1` are the same inside and
 * outside, and so keep their form. For the errors of a refused object only: nothing of it is kept.
 */
export function internalForm(value: unknown, type: string): unknown {
  const [folder = "", name = ""] = type.split(".");
  const struct = new TypeRegistry([...apiVersions, ...typeOnlyVersions]).struct(folder, name);
  assert(struct !== undefined, `no struct ${type}`);
  return value === undefined || value === null ? null : structForm(value, struct);
}

function structForm(value: unknown, struct: StructType): unknown {
  if (struct.version.folder === "meta/v1") return value;
  const members = (value ?? {}) as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    struct.fields.flatMap(({ name, type, pointer }) => {
      const member = members[name];
      // Metadata is embedded: its members stand beside the others.
      if (type.kind === "struct" && type.struct.name === "ObjectMeta") return Object.entries(member ?? {});
      return [[goName(name), member === undefined || member === null ? zero(type, pointer) : form(member, type)]];
    }),
  );
}

function form(value: unknown, type: ResolvedType): unknown {
  if (type.kind === "struct") return structForm(value, type.struct);
  if (type.kind === "list" && Array.isArray(value)) return value.map((item) => form(item, type.items));
  return type.kind === "map" ? sortedMap(value as Readonly<Record<string, unknown>>) : value;
}

function zero(type: ResolvedType, isPointer: boolean): unknown {
  if (isPointer) return null;
  switch (type.kind) {
    case "list":
    case "map":
      return null;
    case "enum":
      return "";
    case "struct":
      return structForm({}, type.struct);
    case "scalar":
      return scalarZeros[type.scalar] ?? null;
  }
}

const scalarZeros: Readonly<Record<string, unknown>> = {
  string: "",
  bool: false,
  int32: 0,
  int64: 0,
  double: 0,
  IntOrString: 0,
  Quantity: "0",
};

const initialisms = /^(api|cidr|csi|dns|fs|ip|nfs|os|rbd|uid|url)(?=[A-Z]|s?$)/;

/** `apiGroup` is `APIGroup`, `uid` is `UID`, all others just start with a capital. */
function goName(name: string): string {
  const upper = name.replace(initialisms, (word) => word.toUpperCase());
  return upper.charAt(0).toUpperCase() + upper.slice(1);
}
