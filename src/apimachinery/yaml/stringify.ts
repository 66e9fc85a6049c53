import { Document, Scalar, visit } from "yaml";
import { resolvePlainScalar } from "./plain-scalar.ts";

/** YAML text as upstream writes it: keys sorted, lists not indented, text that would read as something else quoted. */
export function stringifyYaml(value: unknown): string {
  const document = new Document(value, {
    version: "1.1",
    aliasDuplicateObjects: false,
    sortMapEntries: true,
    // A key `<<` is a key like any other.
    customTags: (tags) => tags.filter((tag) => typeof tag === "string" || tag.tag !== "tag:yaml.org,2002:merge"),
  });
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === "string" && needsQuotes(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
  });
  return document.toString({ indentSeq: false, lineWidth: 0 });
}

function needsQuotes(text: string): boolean {
  // The library quotes by its own reading of plain scalars, ours takes more of them for numbers.
  if (resolvePlainScalar(text) !== text) return true;
  // As a key it would merge.
  if (text === "<<") return true;
  // In a block, leading white space would be taken for indentation.
  return text.includes("\n") && /^[ \t]|\n[ \t]+(\n|$)/.test(text);
}
