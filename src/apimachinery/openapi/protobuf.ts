import { stringifyJson } from "../json/stringify.ts";
import { WireWriter } from "../protobuf/wire-writer.ts";

// The OpenAPI v2 document as the protobuf message `openapi.v2.Document` of gnostic, which Go clients ask for: kubectl before
// 1.29 and Helm check manifests against it. JSON members become fields by the table below, which has what our documents use.

type Shape = "string" | "bool" | "double" | "int64" | "any" | Message | OneOf | Repeated | (() => Shape);

type Field = readonly [number: number, shape: Shape];

/** An object with known members; `x-` members, and the others of a map, become {name, value} entries. */
interface Message {
  readonly type: "message";
  readonly fields?: Readonly<Record<string, Field>>;
  readonly extensions?: number;
  readonly entries?: Field;
}

/** A message with one field, depending on the value. */
interface OneOf {
  readonly type: "oneOf";
  choose(value: unknown): Field;
}

/** A list, or one value that stands for a list of it. */
interface Repeated {
  readonly type: "repeated";
  readonly shape: Shape;
}

const message = (fields: Readonly<Record<string, Field>>, extensions?: number): Message => ({
  type: "message",
  fields,
  ...(extensions === undefined ? {} : { extensions }),
});
const map = (number: number, shape: Shape, extensions?: number): Message => ({
  type: "message",
  entries: [number, shape],
  ...(extensions === undefined ? {} : { extensions }),
});
const oneOf = (choose: (value: unknown) => Field): OneOf => ({ type: "oneOf", choose });
const repeated = (shape: Shape): Repeated => ({ type: "repeated", shape });

const strings = repeated("string");
const stringList = oneOf(() => [1, strings]);
const lazySchema = (): Shape => schema;

const schema: Message = message(
  {
    $ref: [1, "string"],
    format: [2, "string"],
    title: [3, "string"],
    description: [4, "string"],
    default: [5, "any"],
    multipleOf: [6, "double"],
    maximum: [7, "double"],
    exclusiveMaximum: [8, "bool"],
    minimum: [9, "double"],
    exclusiveMinimum: [10, "bool"],
    maxLength: [11, "int64"],
    minLength: [12, "int64"],
    pattern: [13, "string"],
    maxItems: [14, "int64"],
    minItems: [15, "int64"],
    uniqueItems: [16, "bool"],
    maxProperties: [17, "int64"],
    minProperties: [18, "int64"],
    required: [19, strings],
    enum: [20, repeated("any")],
    additionalProperties: [21, oneOf((value) => (typeof value === "boolean" ? [2, "bool"] : [1, lazySchema]))],
    type: [22, stringList],
    items: [23, oneOf(() => [1, repeated(lazySchema)])],
    allOf: [24, repeated(lazySchema)],
    properties: [25, map(1, lazySchema)],
    externalDocs: [29, message({ description: [1, "string"], url: [2, "string"] }, 3)],
    example: [30, "any"],
  },
  31,
);

const reference = message({ $ref: [1, "string"], description: [2, "string"] });
const isReference = (value: unknown): boolean => typeof value === "object" && value !== null && "$ref" in value;

const parameterPlaces: Readonly<Record<string, number>> = { header: 1, formData: 2, query: 3, path: 4 };
const plainParameter = (place: string): Message => {
  // The messages of the two places that may be empty have one field more, which moves those behind it.
  const type = place === "query" || place === "formData" ? 6 : 5;
  return message(
    {
      required: [1, "bool"],
      in: [2, "string"],
      description: [3, "string"],
      name: [4, "string"],
      type: [type, "string"],
      format: [type + 1, "string"],
      uniqueItems: [type + 14, "bool"],
    },
    type + 17,
  );
};
const bodyParameter = message(
  { description: [1, "string"], name: [2, "string"], in: [3, "string"], required: [4, "bool"], schema: [5, schema] },
  6,
);
const placeOf = (value: unknown): string => String((value as { readonly in?: unknown }).in);
const nonBodyParameter = oneOf((value) => [parameterPlaces[placeOf(value)] ?? 3, plainParameter(placeOf(value))]);
const parameter = oneOf((value) => (placeOf(value) === "body" ? [1, bodyParameter] : [2, nonBodyParameter]));
const parameterItem = oneOf((value) => (isReference(value) ? [2, reference] : [1, parameter]));

const response = message({ description: [1, "string"], schema: [2, oneOf(() => [1, schema])] }, 5);
const responses = map(
  1,
  oneOf((value) => (isReference(value) ? [2, reference] : [1, response])),
  2,
);
const securityRequirement = map(1, stringList);

const operation = message(
  {
    tags: [1, strings],
    summary: [2, "string"],
    description: [3, "string"],
    operationId: [5, "string"],
    produces: [6, strings],
    consumes: [7, strings],
    parameters: [8, repeated(parameterItem)],
    responses: [9, responses],
    schemes: [10, strings],
    deprecated: [11, "bool"],
    security: [12, repeated(securityRequirement)],
  },
  13,
);

const pathItem = message(
  {
    $ref: [1, "string"],
    get: [2, operation],
    put: [3, operation],
    post: [4, operation],
    delete: [5, operation],
    options: [6, operation],
    head: [7, operation],
    patch: [8, operation],
    parameters: [9, repeated(parameterItem)],
  },
  10,
);

const apiKey = message({ type: [1, "string"], name: [2, "string"], in: [3, "string"], description: [4, "string"] }, 5);

const document = message(
  {
    swagger: [1, "string"],
    info: [2, message({ title: [1, "string"], version: [2, "string"], description: [3, "string"] }, 7)],
    paths: [8, map(2, pathItem, 1)],
    definitions: [9, map(1, schema)],
    security: [12, repeated(securityRequirement)],
    securityDefinitions: [
      13,
      map(
        1,
        oneOf(() => [2, apiKey]),
      ),
    ],
  },
  16,
);

/** The bytes of an OpenAPI v2 document. Throws for a member that the table does not have: nothing is left out silently. */
export function encodeOpenApiV2(value: object): Uint8Array {
  const writer = new WireWriter(1 << 20);
  writeMessage(writer, document, value as JsonObject);
  return writer.take();
}

type JsonObject = Readonly<Record<string, unknown>>;

const varintKey = 0;
const fixed64Key = 1;
const lengthKey = 2;

// The writer goes from the end to the beginning, so everything here is in reverse.

function writeMessage(writer: WireWriter, { fields, extensions, entries }: Message, value: JsonObject): void {
  for (const [name, member] of Object.entries(value).toReversed()) {
    const field = fields?.[name];
    if (field) writeField(writer, field, member);
    else if (extensions !== undefined && name.startsWith("x-")) writeEntry(writer, [extensions, "any"], name, member);
    else if (entries) writeEntry(writer, entries, name, member);
    else throw new Error(`OpenAPI v2 in protobuf has no field for ${name}`);
  }
}

function writeEntry(writer: WireWriter, [number, shape]: Field, name: string, value: unknown): void {
  const end = writer.length;
  writeField(writer, [2, shape], value);
  writeField(writer, [1, "string"], name);
  closeField(writer, number, end);
}

function writeField(writer: WireWriter, [number, shape]: Field, value: unknown): void {
  if (typeof shape === "function") return writeField(writer, [number, shape()], value);
  if (shape === "bool") {
    writer.bool(value === true);
    writer.varint(number * 8 + varintKey);
  } else if (shape === "double") {
    writer.double(Number(value));
    writer.varint(number * 8 + fixed64Key);
  } else if (shape === "int64") {
    writer.varint(BigInt(value as number));
    writer.varint(number * 8 + varintKey);
  } else if (shape === "string") {
    writer.string(String(value));
    writer.varint(number * 8 + lengthKey);
  } else if (shape !== "any" && shape.type === "repeated") {
    for (const item of [value].flat().toReversed()) writeField(writer, [number, shape.shape], item);
  } else {
    const end = writer.length;
    // A value of any type travels as YAML, which JSON is.
    if (shape === "any") writeField(writer, [2, "string"], `${stringifyJson(value)}\n`);
    else if (shape.type === "oneOf") writeField(writer, shape.choose(value), value);
    else writeMessage(writer, shape, value as JsonObject);
    closeField(writer, number, end);
  }
}

function closeField(writer: WireWriter, number: number, end: number): void {
  writer.closeMessage(end);
  writer.varint(number * 8 + lengthKey);
}
