import { goQuote } from "../../apimachinery/go-format.ts";
import { validateQualifiedName } from "../../apimachinery/validation/names.ts";

const standardFinalizers: ReadonlySet<string> = new Set(["orphan", "foregroundDeletion", "kubernetes"]);

/** What is told of finalizers that are new on a custom resource: nothing is refused. */
export function finalizerWarnings(added: readonly string[]): readonly string[] {
  return [...new Set(added)].toSorted().flatMap((name) => {
    const warning = (why: string): string => `metadata.finalizers: ${goQuote(name)}: ${why}`;
    const isPlain = !name.includes("/") && !standardFinalizers.has(name);
    const path = name.includes(".") ? " including a path (/)" : "";
    const prefer = `prefer a domain-qualified finalizer name${path} to avoid accidental conflicts with other finalizer writers`;
    return [...validateQualifiedName(name).map(warning), ...(isPlain ? [warning(prefer)] : [])];
  });
}
