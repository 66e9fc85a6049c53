import { Document, Scalar, visit } from "yaml";
import { finish, type Steps } from "../../component-base/steps.ts";
import { isJsonObject } from "../object.ts";
import { isOrdinaryWord, resolvePlainScalar } from "./plain-scalar.ts";

/**
 * YAML text as upstream writes it: keys sorted, lists not indented, text that would read as something else quoted. About 10 ms
 * per MB: containers and plain text, which is nearly all there is, are written here; how to quote the rest the library knows.
 */
export function stringifyYaml(value: unknown): string {
  return finish(writeYaml(value));
}

/** The same in steps. */
export function* writeYaml(value: unknown): Steps<string> {
  const lines: string[] = [];
  if (isFilled(value)) yield* writeContainer(value, "", lines);
  else if (typeof value === "string" && !isPlain(value)) lines.push(byLibrary(value).slice(0, -1));
  else lines.push(inline(value, ""));
  return `${lines.join("\n")}\n`;
}

/** Containers of more than this are written this many members at a time. */
const pieceMax = 1000;

type Container = readonly unknown[] | Readonly<Record<string, unknown>>;

function isFilled(value: unknown): value is Container {
  if (Array.isArray(value)) return value.length > 0;
  if (!isJsonObject(value)) return false;
  for (const name in value) if (value[name] !== undefined) return true;
  return false;
}

function* writeContainer(container: Container, indent: string, lines: string[]): Steps<void> {
  let count = 0;
  if (Array.isArray(container)) {
    for (const item of container as readonly unknown[]) {
      if (++count % pieceMax === 0) yield;
      yield* writeItem(item, indent, lines);
    }
    return;
  }
  const members = container as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(members).sort()) {
    if (++count % pieceMax === 0) yield;
    const member = members[name];
    if (member === undefined) continue;
    const key = keyText(name, indent);
    if (!isFilled(member)) lines.push(`${indent}${key}${inline(member, indent)}`);
    else {
      lines.push(`${indent}${key.slice(0, -1)}`);
      yield* writeContainer(member, Array.isArray(member) ? indent : `${indent}  `, lines);
    }
  }
}

/** An item that is a container starts on the line of its dash. */
function* writeItem(item: unknown, indent: string, lines: string[]): Steps<void> {
  if (!isFilled(item)) {
    lines.push(`${indent}- ${inline(item, indent)}`);
    return;
  }
  const start = lines.length;
  yield* writeContainer(item, `${indent}  `, lines);
  lines[start] = `${indent}- ${(lines[start] ?? "").slice(indent.length + 2)}`;
}

/** What stands behind a key or a dash. Lines that follow are indented by one step more than `indent`. */
function inline(value: unknown, indent: string): string {
  if (typeof value === "string")
    return isPlain(value) ? value : nested(byLibrary({ k: value }).slice("k: ".length, -1), indent);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "[]" : "{}";
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The key with its colon and the space behind it. */
function keyText(name: string, indent: string): string {
  return isPlain(name) ? `${name}: ` : nested(byLibrary({ [name]: 0 }).slice(0, -"0\n".length), indent);
}

function nested(text: string, indent: string): string {
  return indent === "" || !text.includes("\n") ? text : text.replace(/\n(?=[^\n])/g, `\n${indent}`);
}

/** Text nobody could take for anything else: it begins like a word and has nothing that means something to YAML. */
const plain = /^[A-Za-z/](?:[-\w./@{}"[\],=:]*[\w./@{}"[\],=])?$/;

function isPlain(text: string): boolean {
  // A dot alone, as keys of fieldsV1 have it, is a number to the library, not to upstream.
  return text === "." || (text.length <= plainLengthMax && plain.test(text) && isOrdinaryWord(text));
}

// A longer key is written in another form.
const plainLengthMax = 256;

function byLibrary(value: unknown): string {
  const document = new Document(value, {
    version: "1.1",
    aliasDuplicateObjects: false,
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
