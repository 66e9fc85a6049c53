import { BodyTooLargeError, readBody } from "../../component-base/http.ts";
import type { HttpRequest } from "../../component-base/http.ts";
import { badRequest, requestEntityTooLarge, unsupportedMediaType } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import type { ObjectKind } from "../../apimachinery/scheme/scheme.ts";
import type { YamlReader } from "../../apimachinery/yaml/parse.ts";
import { readEnvelope } from "../../apimachinery/protobuf/envelope.ts";
import { ProtobufError } from "../../apimachinery/protobuf/wire-reader.ts";
import { SyntaxFailure, parseTextAside, protobufType, readableTypes } from "./serializer.ts";
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
  if (contentType === protobufType && kind.fromProtobuf) return parseProtobuf(bytes, kind);
  if (!readableTypes.includes(contentType))
    throw unsupportedMediaType(kind.fromProtobuf ? [...readableTypes, protobufType] : readableTypes);
  try {
    return await parseTextAside(bytes, contentType, yaml);
  } catch (error) {
    if (error instanceof SyntaxFailure)
      throw unrecognized(kind.kind, `couldn't get version/kind; json parse error: ${error.message}`);
    throw error;
  }
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
    if (named.kind === "") throw unrecognized(kind.kind, error.message);
    throw badRequest(`${cannotHandle(kind, kind.kind, kind.version)}: ${error.message}`);
  }
}

/** What to do with fields the kind does not have, or has twice. */
export interface FieldValidation {
  readonly mode: "Strict" | "Warn" | "Ignore";
  warn(text: string): void;
}

/**
 * Type-checks a parsed body as an object of `kind`, filling in kind and apiVersion when the client left them out.
 * Defaults are not applied. Throws BadRequest with upstream's texts.
 */
export function decodeAs(kind: ObjectKind, body: ParsedText, fields: FieldValidation): Mutable<KubeObject> {
  const { value } = body;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unrecognized(
      kind.kind,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonTypeOf(value)} into Go value of type runtime.TypeMeta`,
    );
  const expected = apiVersionOf(kind);
  const named = value as { readonly kind?: unknown; readonly apiVersion?: unknown };
  const givenKind = typeof named.kind === "string" && named.kind !== "" ? named.kind : kind.kind;
  const givenVersion = typeof named.apiVersion === "string" && named.apiVersion !== "" ? named.apiVersion : expected;
  if (givenKind !== kind.kind || givenVersion !== expected) throw wrongKind(kind, givenKind, givenVersion, expected);
  let decoded;
  try {
    decoded = kind.decode({ ...value, kind: kind.kind, apiVersion: expected });
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
  { duplicates, areDuplicatesFirst }: ParsedText,
  fields: FieldValidation,
): void {
  if (unknownFields.length === 0 && duplicates.length === 0) return;
  const unknown = unknownFields.map((f) => `unknown field ${goQuote(f)}`);
  const texts = areDuplicatesFirst || kind.custom ? [...duplicates, ...unknown] : [...unknown, ...duplicates];
  if (fields.mode === "Warn") {
    for (const text of texts) fields.warn(text);
    return;
  }
  throw badRequest(`${cannotHandle(kind, kind.kind, kind.version)}: strict decoding error: ${texts.join(", ")}`);
}

function wrongKind(kind: ObjectKind, givenKind: string, givenVersion: string, expected: string): StatusError {
  if (givenKind === kind.kind)
    return badRequest(
      `the API version in the data (${givenVersion}) does not match the expected API version (${expected})`,
    );
  const version = givenVersion.slice(givenVersion.indexOf("/") + 1);
  return badRequest(
    `${cannotHandle(kind, givenKind, version)}: no kind ${goQuote(givenKind)} is expected here, want ${goQuote(kind.kind)}`,
  );
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
