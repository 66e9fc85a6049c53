import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import { type JsonSchema, propertySchema, valueSchema } from "../schema/json-schema.ts";

const tokens = /\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/y;

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

/** A rule's `fieldPath`, such as `.spec.names['a.b']`, as errors print it; undefined when the schema has no such field. */
export function fieldPathText(text: string, root: JsonSchema): string | undefined {
  let schema: JsonSchema | undefined = root;
  let path: FieldPath | undefined;
  let end = 0;
  tokens.lastIndex = 0;
  for (let match = tokens.exec(text); match; match = tokens.exec(text)) {
    end = tokens.lastIndex;
    const name: string | undefined = match[1] ?? unescaped(match[2] ?? "");
    if (name === undefined || !schema) return undefined;
    const values: JsonSchema | undefined = schema.properties ? undefined : valueSchema(schema);
    schema = values ?? propertySchema(schema, name);
    if (!schema) return undefined;
    if (values) path = path ? path.key(name) : FieldPath.of("").key(name);
    else path = path ? path.child(name) : FieldPath.of(name);
  }
  return end === text.length ? path?.toString() : undefined;
}

function unescaped(text: string): string | undefined {
  let isValid = true;
  const plain = text.replaceAll(/\\(.)/g, (_sequence, sign: string) => {
    const character = Object.hasOwn(characters, sign) ? characters[sign] : undefined;
    isValid &&= character !== undefined;
    return character ?? "";
  });
  return isValid ? plain : undefined;
}
