import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { type JsonSchema, propertySchema, valueSchema } from "../schema/json-schema.ts";

const characters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "'": "'",
  "\\": "\\",
};

/** A path of field names, such as `.spec.names['a.b']`, and what the schema says of where it leads; or why it leads nowhere. */
export type FoundField =
  | { readonly path: FieldPath | undefined; readonly schema: JsonSchema; readonly error?: undefined }
  | { readonly error: string };

/** Follows a path through a schema. With `dotsOnly`, brackets are refused. The texts are upstream's. */
export function findField(text: string, root: JsonSchema, { dotsOnly = false } = {}): FoundField {
  let schema = root;
  let path: FieldPath | undefined;
  const steps = tokensOf(text)[Symbol.iterator]();
  const next = (): string | undefined => steps.next().value;
  const unfinished = { error: "unexpected end of JSON path" };
  for (let token = next(); token !== undefined; token = next()) {
    let name: string | undefined;
    if (token === "[") {
      if (dotsOnly) return { error: "array notation is not allowed" };
      const quoted = next();
      if (quoted === undefined) return unfinished;
      if (!/^'[^]*'$/.test(quoted) || quoted.length < 2)
        return { error: `expected single quoted string but got ${quoted}` };
      const { plain, bad } = unescaped(quoted.slice(1, -1));
      if (bad !== undefined) return { error: `invalid string literal: invalid escape char ${bad}` };
      name = plain;
    } else if (token === ".") name = next();
    else return { error: `expected [ or . but got: ${token}` };
    if (name === undefined) return unfinished;
    const values: JsonSchema | undefined = schema.properties ? undefined : valueSchema(schema);
    const found = values ?? propertySchema(schema, name);
    if (!found) return { error: "does not refer to a valid field" };
    schema = found;
    if (values) path = path ? path.key(name) : FieldPath.of("").key(name);
    else path = path ? path.child(name) : FieldPath.of(name);
    if (token === ".") continue;
    const end = next();
    if (end === undefined) return unfinished;
    if (end !== "]") return { error: `expected ] but got ${end}` };
  }
  return { path, schema };
}

/** A rule's `fieldPath` as errors print it; undefined when the schema has no such field. */
export function fieldPathText(text: string, root: JsonSchema): string | undefined {
  const found = findField(text, root);
  return found.error === undefined ? found.path?.toString() : undefined;
}

/** Dots and brackets, quoted texts, and what is between. */
function tokensOf(text: string): readonly string[] {
  return text.match(/[.[\]]|'(?:[^'\\]|\\[^])*'|[^.[\]]+/g) ?? [];
}

function unescaped(text: string): { readonly plain: string; readonly bad: string | undefined } {
  let bad: string | undefined;
  const plain = text.replaceAll(/\\(.)/g, (sequence, sign: string) => {
    const character = Object.hasOwn(characters, sign) ? characters[sign] : undefined;
    if (character === undefined) bad = sequence;
    return character ?? "";
  });
  return { plain, bad };
}
