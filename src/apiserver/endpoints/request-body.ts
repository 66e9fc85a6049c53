import { utf8Decode } from "../../component-base/bytes.ts";
import { BodyTooLargeError, readBody } from "../../component-base/http.ts";
import type { HttpRequest } from "../../component-base/http.ts";
import { badRequest, invalid, requestEntityTooLarge, unsupportedMediaType } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import { gvkFromApiVersion } from "../../apimachinery/group-version.ts";
import { unversionedKinds } from "../../apimachinery/scheme/build-scheme.ts";
import type { ObjectKind, Scheme } from "../../apimachinery/scheme/scheme.ts";
import { fieldInvalid } from "../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../apimachinery/validation/field-path.ts";
import type { YamlReader } from "../../apimachinery/yaml/parse.ts";
import { readEnvelope } from "../../apimachinery/protobuf/envelope.ts";
import { ProtobufError } from "../../apimachinery/protobuf/wire-reader.ts";
import { SyntaxFailure, duplicateField, parseTextAside, protobufType, readableTypes } from "./serializer.ts";
import type { ParsedText } from "./serializer.ts";

/** Reads a body whole. Throws RequestEntityTooLarge (413) with upstream's text. */
export async function readRequestBody(http: HttpRequest, bytesMax: number): Promise<Uint8Array> {
  const declared = Number(http.headers["content-length"] ?? 0);
  try {
    if (declared > bytesMax) throw new BodyTooLargeError(bytesMax);
    return await readBody(http.body, bytesMax);
  } catch (error) {
    if (error instanceof BodyTooLargeError) throw requestEntityTooLarge(`limit is ${bytesMax}`);
    throw error;
  }
}

/** The media type of the body, without parameters; JSON when the client names none. */
export function contentTypeOf(http: HttpRequest): string {
  const type = http.headers["content-type"] ?? "";
  const end = type.indexOf(";");
  return (end < 0 ? type : type.slice(0, end)).trim().toLowerCase() || "application/json";
}

/** Parses a body that is no patch, to be decoded as `kind`. Throws UnsupportedMediaType (415) or BadRequest. */
export async function parseBody(
  bytes: Uint8Array,
  contentType: string,
  kind: ObjectKind,
  yaml: YamlReader | undefined,
): Promise<ParsedText> {
  try {
    return await parse(bytes, contentType, kind, yaml);
  } catch (error) {
    if (error instanceof NotUnderstood) throw unrecognized(kind.kind, `${error.message} (${summary(bytes)})`);
    throw error;
  }
}

/** Why a body cannot be told to be an object of any kind. */
class NotUnderstood extends Error {
  override readonly name = "NotUnderstood";
}

async function parse(
  bytes: Uint8Array,
  contentType: string,
  kind: ObjectKind,
  yaml: YamlReader | undefined,
): Promise<ParsedText> {
  if (contentType === protobufType && kind.fromProtobuf) return parseProtobuf(bytes, kind);
  if (!readableTypes.includes(contentType)) throw unsupportedMediaType([...readableTypes, protobufType]);
  let parsed: ParsedText;
  try {
    parsed = await parseTextAside(bytes, contentType, yaml);
  } catch (error) {
    if (!(error instanceof SyntaxFailure)) throw error;
    const noEnvelope = contentType === "application/yaml" ? "" : noTypeMeta;
    throw new NotUnderstood(`${noEnvelope}${error.message}`, { cause: error });
  }
  const wrong = wrongTypeMeta(parsed.value) ?? (kind.custom ? missingKind(parsed.value, bytes) : undefined);
  if (wrong !== undefined) throw new NotUnderstood(wrong);
  return parsed.value === null ? { ...parsed, value: {} } : parsed;
}

/**
 * Options as the body of a DELETE. Clients send them under the apiVersion of the resource, of v1, or of meta.k8s.io/v1; they are
 * all the same. Unlike of an object, of what is wrong with them the cause alone is told. Throws as `parseBody`.
 */
export async function decodeOptions(
  bytes: Uint8Array,
  contentType: string,
  kind: ObjectKind,
  { scheme, yaml }: { readonly scheme: Scheme; readonly yaml: YamlReader | undefined },
): Promise<Mutable<KubeObject>> {
  try {
    const { value, literals } = await parse(bytes, contentType, kind, yaml);
    const given = value as { readonly kind?: string; readonly apiVersion?: string };
    const own = { kind: kind.kind, apiVersion: apiVersionOf(kind) };
    const givenKind = given.kind || kind.kind;
    if (givenKind !== kind.kind) {
      const { group, version } = gvkFromApiVersion(given.apiVersion || own.apiVersion, givenKind);
      const isKnown =
        (group === "" && version === "v1" && unversionedKinds.has(givenKind)) ||
        (group === kind.group && scheme.kind(group, version, givenKind) !== undefined);
      const [from, to] = [`${version}.${givenKind}`, `${kind.version}.${kind.kind}`];
      throw badRequest(isKnown ? noConversion(from, to) : noSuchKind(givenKind, given.apiVersion || own.apiVersion));
    }
    return kind.decode({ ...given, ...own }, literals).object;
  } catch (error) {
    if (error instanceof NotUnderstood) throw badRequest(error.message);
    throw error instanceof StatusError && error.code === 400 ? badRequest(causeOfRefusal(error)) : error;
  }
}

/** What an object was refused for by its decoder, without which kind it was to be. */
export function causeOfRefusal({ message }: StatusError): string {
  return message.replace(/^\S+ in version "[^"]*" cannot be handled as a \S+: /, "");
}

function noSuchKind(kind: string, apiVersion: string): string {
  return `no kind ${goQuote(kind)} is registered for version ${goQuote(apiVersion)} in scheme "pkg/runtime/scheme.go:111"`;
}

function noConversion(from: string, to: string): string {
  return `converting (${from}) to (${to}): unknown conversion`;
}

const noTypeMeta = "couldn't get version/kind; json parse error: ";

/** Only bodies of built-in kinds may leave out the kind. */
function missingKind(value: unknown, bytes: Uint8Array): string | undefined {
  const { kind = "" } = (value ?? {}) as { readonly kind?: unknown };
  return kind === "" ? `Object 'Kind' is missing in '${utf8Decode(bytes)}'` : undefined;
}

/** What stands in the way of finding out of which kind a body is. */
function wrongTypeMeta(value: unknown): string | undefined {
  if (value !== null && (typeof value !== "object" || Array.isArray(value))) {
    const goType =
      'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
    return `${noTypeMeta}json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type ${goType}`;
  }
  const named = (value ?? {}) as { readonly apiVersion?: unknown; readonly kind?: unknown };
  for (const field of ["apiVersion", "kind"] as const) {
    const given = named[field] ?? "";
    if (typeof given === "string") continue;
    return `${noTypeMeta}json: cannot unmarshal ${jsonTypeOf(given)} into Go struct field .${field} of type string`;
  }
  const version = typeof named.apiVersion === "string" ? named.apiVersion : "";
  return version.split("/").length > 2 ? `unexpected GroupVersion string: ${version}` : undefined;
}

/** The beginning of a body: as text when it looks like JSON, else in hexadecimal. */
function summary(bytes: Uint8Array): string {
  if (bytes.length === 0) return "<empty>";
  const start = bytes.subarray(0, 30);
  const shown =
    bytes[0] === 0x7b ? utf8Decode(start) : [...start].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return bytes.length > start.length ? `${shown} ...` : shown;
}

/** Protobuf tells neither duplicate nor unknown fields, so field validation finds nothing to say. */
function parseProtobuf(bytes: Uint8Array, kind: ObjectKind): ParsedText {
  let named = { apiVersion: "", kind: "" };
  try {
    const { raw, ...typeMeta } = readEnvelope(bytes);
    named = typeMeta;
    // Bytes of another kind mean nothing as this one; by its name alone it is refused when it is decoded.
    const isOther = named.kind !== "" && named.kind !== kind.kind;
    return {
      value: { ...(isOther ? {} : kind.fromProtobuf?.(raw)), ...named },
      duplicates: [],
      areDuplicatesFirst: false,
    };
  } catch (error) {
    if (!(error instanceof ProtobufError)) throw error;
    if (named.kind === "") throw new NotUnderstood(error.message, { cause: error });
    throw badRequest(`${cannotHandle(kind, kind.kind, kind.version)}: ${error.message}`);
  }
}

/** What to do with fields the kind does not have, or has twice. */
export interface FieldValidation {
  readonly mode: "Strict" | "Warn" | "Ignore";
  warn(text: string): void;
  /** Tells which kinds there are besides the one wanted. */
  readonly scheme?: Scheme;
  /** Other apiVersions that are read as if they were the kind's. */
  readonly alsoAccepts?: readonly string[];
}

/**
 * Type-checks a parsed body as an object of `kind`, filling in kind and apiVersion when the client left them out.
 * Defaults are not applied. Throws BadRequest with upstream's texts.
 */
export function decodeAs(kind: ObjectKind, body: ParsedText, fields: FieldValidation): Mutable<KubeObject> {
  const { value } = body;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unrecognized(kind.kind, wrongTypeMeta(value) ?? "");
  const expected = apiVersionOf(kind);
  const named = value as { readonly kind?: unknown; readonly apiVersion?: unknown };
  const givenKind = typeof named.kind === "string" && named.kind !== "" ? named.kind : kind.kind;
  const sentVersion = typeof named.apiVersion === "string" && named.apiVersion !== "" ? named.apiVersion : expected;
  const givenVersion = fields.alsoAccepts?.includes(sentVersion) ? expected : sentVersion;
  if (givenKind !== kind.kind || givenVersion !== expected)
    throw wrongKind(kind, { kind: givenKind, apiVersion: givenVersion, value }, fields.scheme);
  let decoded;
  try {
    decoded = kind.decode({ ...value, kind: kind.kind, apiVersion: expected }, body.literals);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    const prefix = cannotHandle(kind, kind.kind, kind.version);
    throw error.message.startsWith(prefix) ? error : badRequest(`${prefix}: ${error.message}`);
  }
  if (fields.mode !== "Ignore") reportFields(kind, decoded.unknownFields, body, fields);
  return decoded.object;
}

function reportFields(
  kind: ObjectKind,
  unknownFields: readonly string[],
  body: ParsedText,
  fields: FieldValidation,
): void {
  const { duplicates, areDuplicatesFirst, order } = body;
  if (unknownFields.length === 0 && duplicates.length === 0) return;
  const unknown = (body.isSorted ? unknownFields.toSorted(compareWalked) : unknownFields).map(unknownField);
  const texts =
    areDuplicatesFirst || kind.custom
      ? [...duplicates, ...unknown]
      : unknown.length > 0 && order
        ? inOrder(unknownFields, duplicates, order())
        : [...unknown, ...duplicates];
  if (fields.mode === "Warn") {
    for (const text of texts) for (const line of warningLines(text)) fields.warn(line);
    return;
  }
  throw badRequest(
    `${cannotHandle(kind, kind.kind, kind.version)}: strict decoding error: ${[...new Set(texts)].join(", ")}`,
  );
}

/** Of paths, as a walk over sorted members comes upon them. */
function compareWalked(a: string, b: string): number {
  const [left, right] = [a, b].map((path) => path.split(/[.[\]]+/));
  for (const [i, part] of (left ?? []).entries()) {
    const other = right?.[i];
    if (other === undefined) return 1;
    if (part === other) continue;
    return /^[0-9]+$/.test(part) && /^[0-9]+$/.test(other) ? Number(part) - Number(other) : part < other ? -1 : 1;
  }
  return -1;
}

/** What the YAML parser finds it tells in one text, and warnings of it one by one. */
export function warningLines(text: string): readonly string[] {
  const [start, ...lines] = text.split("\n  ");
  return start === "yaml: unmarshal errors:" ? lines : [text];
}

function unknownField(path: string): string {
  return `unknown field ${goQuote(path)}`;
}

/** As a decoder that goes through the text once comes upon them. It does not look into what it does not know. */
function inOrder(
  unknownFields: readonly string[],
  duplicates: readonly string[],
  paths: readonly string[],
): readonly string[] {
  const unknown = new Set(unknownFields);
  const duplicate = new Set(duplicates);
  const seen = new Set<string>();
  const ordered = new Set<string>();
  /** The unknown field the walk is in. */
  let inside: string | undefined;
  for (const path of paths) {
    if (inside !== undefined && (path.startsWith(`${inside}.`) || path.startsWith(`${inside}[`))) continue;
    inside = unknown.has(path) ? path : undefined;
    if (inside !== undefined) ordered.add(unknownField(path));
    else if (seen.has(path) && duplicate.has(duplicateField(path))) ordered.add(duplicateField(path));
    seen.add(path);
  }
  return [...ordered, ...unknownFields.map(unknownField).filter((text) => !ordered.has(text))];
}

function wrongKind(
  kind: ObjectKind,
  given: { readonly kind: string; readonly apiVersion: string; readonly value: object },
  scheme: Scheme | undefined,
): StatusError {
  const expected = apiVersionOf(kind);
  const gvk = gvkFromApiVersion(given.apiVersion, given.kind);
  const otherVersion = badRequest(
    `the API version in the data (${given.apiVersion}) does not match the expected API version (${expected})`,
  );
  if (kind.custom) {
    if (given.apiVersion !== expected) return otherVersion;
    const { metadata } = given.value as { readonly metadata?: { readonly name?: unknown } };
    const name = typeof metadata?.name === "string" ? metadata.name : "";
    const error = fieldInvalid(FieldPath.of("kind"), given.kind, `must be ${kind.kind}`);
    return invalid({ group: kind.group, kind: given.kind }, name, [error]);
  }
  const prefix = cannotHandle(kind, given.kind, gvk.version);
  if (!scheme?.kind(gvk.group, gvk.version, gvk.kind)) {
    // Upstream still knows how to read versions it no longer serves.
    if (given.kind === kind.kind && gvk.group !== "" && gvk.group === kind.group) return otherVersion;
    return badRequest(`${prefix}: ${noSuchKind(given.kind, given.apiVersion)}`);
  }
  if (given.kind === kind.kind) return otherVersion;
  const [from, to] = [`${gvk.version}.${given.kind}`, `${kind.group.split(".")[0] || "core"}.${kind.kind}`];
  return badRequest(`${prefix}: ${noConversion(from, to)}`);
}

function cannotHandle(kind: ObjectKind, givenKind: string, givenVersion: string): string {
  return `${givenKind} in version ${goQuote(givenVersion)} cannot be handled as a ${kind.kind}`;
}

function unrecognized(kind: string, why: string): StatusError {
  return badRequest(`the object provided is unrecognized (must be of type ${kind}): ${why}`);
}

function jsonTypeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
}
