import { assert } from "../../component-base/assert.ts";

/** One field of a message, with its name in camel case. `type` is a scalar or the name of another type. */
export interface FieldSchema {
  readonly name: string;
  readonly type: string;
  readonly id: number;
  readonly rule: "single" | "repeated" | "map";
}

/** What protobuf source text declares. */
export interface ProtoSchema {
  readonly package: string;
  readonly messages: ReadonlyMap<string, readonly FieldSchema[]>;
  readonly enums: ReadonlyMap<string, Readonly<Record<string, number>>>;
  readonly services: ReadonlyMap<string, readonly MethodSchema[]>;
}

export interface MethodSchema {
  readonly name: string;
  readonly requestType: string;
  readonly requestStream: boolean;
  readonly responseType: string;
  readonly responseStream: boolean;
}

const fieldPattern = /^(?:(repeated)\s+)?(?:map\s*<\s*string\s*,\s*([\w.]+)\s*>|([\w.]+))\s+(\w+)\s*=\s*(\d+)$/;
const methodPattern = /^rpc\s+(\w+)\s*\(\s*(stream\s+)?(\w+)\s*\)\s*returns\s*\(\s*(stream\s+)?(\w+)\s*\)$/;

/**
 * Parses the part of the proto3 language that our definitions use: package, top-level messages and enums, services,
 * `repeated` and `map<string, …>`. They are TypeScript strings, not files, so that a bundle of one file carries them.
 */
export function parseProto(text: string): ProtoSchema {
  const source = text.replaceAll(/\/\/.*$/gm, "");
  const packageName = /^\s*package\s+([\w.]+)\s*;/m.exec(source)?.[1];
  assert(packageName !== undefined, "proto text names no package");
  const messages = new Map<string, FieldSchema[]>();
  const enums = new Map<string, Record<string, number>>();
  const services = new Map<string, MethodSchema[]>();
  for (const [, keyword, name = "", body = ""] of source.matchAll(/\b(message|enum|service)\s+(\w+)\s*\{([^{}]*)\}/g)) {
    const statements = body
      .split(";")
      .map((s) => s.trim().replaceAll(/\s+/g, " "))
      .filter((s) => s !== "");
    if (keyword === "message") messages.set(name, statements.map(parseField));
    else if (keyword === "service") services.set(name, statements.map(parseMethod));
    else enums.set(name, Object.fromEntries(statements.map(parseEnumValue)));
  }
  return { package: packageName, messages, enums, services };
}

function parseField(statement: string): FieldSchema {
  const match = fieldPattern.exec(statement);
  assert(match, `not a field: ${statement}`);
  const [, repeated, mapValue, type, name = "", id = ""] = match;
  const rule = mapValue === undefined ? (repeated === undefined ? "single" : "repeated") : "map";
  return { name: camelCase(name), type: mapValue ?? type ?? "", id: Number(id), rule };
}

function parseMethod(statement: string): MethodSchema {
  const match = methodPattern.exec(statement);
  assert(match, `not a method: ${statement}`);
  const [, name = "", requestStream, requestType = "", responseStream, responseType = ""] = match;
  return {
    name,
    requestType,
    requestStream: requestStream !== undefined,
    responseType,
    responseStream: responseStream !== undefined,
  };
}

function parseEnumValue(statement: string): [string, number] {
  const match = /^(\w+) = (\d+)$/.exec(statement);
  assert(match, `not an enum value: ${statement}`);
  return [match[1] ?? "", Number(match[2])];
}

function camelCase(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The schema as protobuf.js's JSON descriptor, which proto-loader reads. */
export function toJsonDescriptor(schema: ProtoSchema): { readonly nested: Record<string, object> } {
  const types: Record<string, object> = {};
  for (const [name, fields] of schema.messages) {
    types[name] = { fields: Object.fromEntries(fields.map((f) => [f.name, fieldDescriptor(f)])) };
  }
  for (const [name, values] of schema.enums) types[name] = { values };
  for (const [name, methods] of schema.services) {
    types[name] = { methods: Object.fromEntries(methods.map(({ name: method, ...rest }) => [method, rest])) };
  }
  return schema.package
    .split(".")
    .reverse()
    .reduce((nested, part) => ({ nested: { [part]: nested } }), { nested: types });
}

function fieldDescriptor(field: FieldSchema): object {
  const { type, id } = field;
  if (field.rule === "map") return { keyType: "string", type, id };
  return field.rule === "repeated" ? { rule: "repeated", type, id } : { type, id };
}
