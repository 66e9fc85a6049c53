import type { CustomResourceDefinition, CustomResourceDefinitionNames } from "../../api/apiextensions/v1/types.gen.ts";
import { aggregateMessages } from "../../apimachinery/validation/field-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { type Condition, hasCondition } from "../definition/conditions.ts";

/** Names of a group that are taken, apart from those of the definition itself. */
export interface TakenNames {
  /** Plurals, singulars and short names: clients find resources by any of them. */
  readonly resources: ReadonlySet<string>;
  readonly kinds: ReadonlySet<string>;
}

export interface NamingResult {
  readonly acceptedNames: CustomResourceDefinitionNames;
  readonly namesAccepted: Condition;
  /** Undefined: as it is. */
  readonly established: Condition | undefined;
}

/** The names the other definitions of the group have been granted. */
export function takenNames(definition: CustomResourceDefinition, all: readonly CustomResourceDefinition[]): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of all) {
    if (other.spec.group !== definition.spec.group || other.metadata.uid === definition.metadata.uid) continue;
    const { plural, singular, shortNames, kind, listKind } = other.status.acceptedNames;
    for (const name of [plural, singular, ...(shortNames ?? [])]) if (name) resources.add(name);
    for (const name of [kind, listKind]) if (name) kinds.add(name);
  }
  return { resources, kinds };
}

/** Grants each name that nobody else has; a name that is taken keeps its former value. */
export function acceptNames(definition: CustomResourceDefinition, taken: TakenNames): NamingResult {
  const wanted = definition.spec.names;
  const before = definition.status.acceptedNames;
  const conflicts: { readonly reason: string; readonly message: string }[] = [];
  /** The error texts of the names that are neither free nor ours already. */
  const refusals = (set: ReadonlySet<string>, names: readonly string[], own: readonly string[]): string[] =>
    names
      .filter((name) => name !== "" && !own.includes(name) && set.has(name))
      .map((name) => `${goQuote(name)} is already in use`);
  const grant = (reason: string, texts: readonly string[]): boolean => {
    if (texts.length > 0) conflicts.push({ reason, message: aggregateMessages(texts) });
    return texts.length === 0;
  };
  const { resources, kinds } = taken;
  const singular = wanted.singular ?? "";
  const shortNames = wanted.shortNames ?? [];
  const listKind = wanted.listKind ?? "";
  const isGranted = {
    plural: grant("PluralConflict", refusals(resources, [wanted.plural], [before.plural])),
    singular: grant("SingularConflict", refusals(resources, [singular], [before.singular ?? ""])),
    shortNames: grant("ShortNamesConflict", refusals(resources, shortNames, before.shortNames ?? [])),
    kind: grant("KindConflict", refusals(kinds, [wanted.kind], [before.kind])),
    listKind: grant("ListKindConflict", refusals(kinds, [listKind], [before.listKind ?? ""])),
  };
  const acceptedNames: CustomResourceDefinitionNames = {
    plural: isGranted.plural ? wanted.plural : before.plural,
    ...optional("singular", isGranted.singular ? wanted.singular : before.singular),
    ...optional("shortNames", isGranted.shortNames ? wanted.shortNames : before.shortNames),
    kind: isGranted.kind ? wanted.kind : before.kind,
    ...optional("listKind", isGranted.listKind ? wanted.listKind : before.listKind),
    ...optional("categories", wanted.categories),
  };
  // As upstream, the last conflict found is the one that is told.
  const conflict = conflicts.at(-1);
  const namesAccepted: Condition = conflict
    ? { type: "NamesAccepted", isTrue: false, ...conflict }
    : { type: "NamesAccepted", isTrue: true, reason: "NoConflicts", message: "no conflicts found" };
  return { acceptedNames, namesAccepted, established: establishedOf(definition, conflict === undefined) };
}

/** Once established, a definition stays so. */
function establishedOf(definition: CustomResourceDefinition, areAccepted: boolean): Condition | undefined {
  if (hasCondition(definition, "Established")) return undefined;
  if (!areAccepted)
    return { type: "Established", isTrue: false, reason: "NotAccepted", message: "not all names are accepted" };
  return {
    type: "Established",
    isTrue: true,
    reason: "InitialNamesAccepted",
    message: "the initial names have been accepted",
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [key in K]?: V };
}
