import { Document, Scalar, visit } from "yaml";
import { resolvePlainScalar } from "./plain-scalar.ts";

/** YAML text as upstream writes it: keys sorted, lists not indented, text that would read as something else quoted. */
export function stringifyYaml(value: unknown): string {
  const document = new Document(value, { version: "1.1", aliasDuplicateObjects: false, sortMapEntries: true });
  visit(document, {
    Scalar(_key, node) {
      // The library quotes by its own reading of plain scalars, ours takes more of them for numbers.
      if (typeof node.value === "string" && resolvePlainScalar(node.value) !== node.value)
        node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 });
}
