import { utf8Encode } from "../../component-base/bytes.ts";
import type { HttpHeaders, HttpResponse } from "../../component-base/http.ts";
import { finishGivingWay } from "../../component-base/steps.ts";
import { defined } from "../../component-base/assert.ts";
import type { TypedObject } from "../../apimachinery/protobuf/encode.ts";
import type { Scheme } from "../../apimachinery/scheme/scheme.ts";
import type { StatusError } from "../../apimachinery/errors/status-error.ts";
import { stringifyJson } from "../../apimachinery/json/stringify.ts";
import { stringifyYaml, writeYaml } from "../../apimachinery/yaml/stringify.ts";
import type { StoredOrDry } from "../registry/generic/store.ts";
import { objectOf } from "../registry/generic/store.ts";
import { encodeObject } from "../storage/object-codec.ts";
import type { StoredObject } from "../storage/stored-object.ts";
import type { Encoding, Negotiated, ProtobufEncoding } from "./negotiation.ts";
import { negotiateOrJson } from "./negotiation.ts";
import type { ResourceEndpoint } from "./resource-endpoint.ts";
import { served } from "./resource-endpoint.ts";
import type { IncludeObject } from "./table.ts";
import { checkPartial, goTypeOf, partialObject, tableColumns, tableOf, tableRow } from "./table.ts";

/** Any JSON value in the encoding asked for; for protobuf, an object in normal form. */
export function encodeValue(value: unknown, encoding: Encoding): Uint8Array {
  if (encoding.format === "protobuf") return encodeProtobuf(value as TypedObject, encoding.scheme);
  if (encoding.format === "yaml") return utf8Encode(stringifyYaml(value));
  return utf8Encode(encoding.pretty ? `${stringifyJson(value, 2)}\n` : stringifyJson(value));
}

/** A stored object in the storage version, which is kept with it. */
export function storedProtobuf(stored: StoredObject, { scheme }: ProtobufEncoding): Uint8Array {
  return stored.protobuf((object) => encodeProtobuf(object, scheme));
}

/** Only what negotiation offers is asked for: the kind has a message. */
function encodeProtobuf(object: TypedObject, scheme: Scheme): Uint8Array {
  const { apiVersion, kind } = object;
  const slash = apiVersion.indexOf("/");
  const group = apiVersion.slice(0, Math.max(slash, 0));
  // The views of v1beta1 have the messages of v1.
  const version = group === "meta.k8s.io" ? "v1" : apiVersion.slice(slash + 1);
  return defined(scheme.kind(group, version, kind)?.toProtobuf, `the message of ${apiVersion} ${kind}`)(object);
}

export function respond(status: number, value: unknown, encoding: Encoding, headers?: HttpHeaders): HttpResponse {
  return { status, headers: { "content-type": encoding.contentType, ...headers }, body: encodeValue(value, encoding) };
}

/** One object. The stored bytes themselves, when nothing else was asked for. */
export async function respondObject(
  endpoint: ResourceEndpoint,
  status: number,
  result: StoredOrDry,
  negotiated: Negotiated,
  include: IncludeObject,
): Promise<HttpResponse> {
  const headers = { "content-type": negotiated.encoding.contentType };
  return { status, headers, body: await objectBytes(endpoint, result, negotiated, include) };
}

async function objectBytes(
  endpoint: ResourceEndpoint,
  result: StoredOrDry,
  negotiated: Negotiated,
  include: IncludeObject,
): Promise<Uint8Array> {
  const { encoding, as, asVersion } = negotiated;
  const isPlain = as === "" && encoding.format === "json" && !encoding.pretty;
  if (isPlain && !endpoint.convert) return "dryRun" in result ? encodeObject(result.dryRun) : result.bytes;
  if (encoding.format === "protobuf" && as === "" && !endpoint.convert && !("dryRun" in result))
    return storedProtobuf(result, encoding);
  const object = objectOf(result);
  // What is served just as it is stored is sent so.
  if (isPlain && !("dryRun" in result) && served(endpoint, object) === object) return result.bytes;
  const view = viewOf(endpoint, object, as, asVersion, include);
  // The only form that is slow to write.
  return encoding.format === "yaml" ? utf8Encode(await finishGivingWay(writeYaml(view))) : encodeValue(view, encoding);
}

/** The object, its metadata, or a table of it alone. */
function viewOf(
  endpoint: ResourceEndpoint,
  stored: Parameters<typeof served>[1],
  as: Negotiated["as"],
  asVersion: string,
  include: IncludeObject,
): unknown {
  switch (as) {
    case "":
      return served(endpoint, stored);
    case "Table": {
      const { resourceVersion } = stored.metadata;
      return tableOf(
        { resourceVersion },
        tableColumns(endpoint),
        [tableRow(endpoint, stored, include, asVersion)],
        asVersion,
      );
    }
    default:
      checkPartial(goTypeOf(endpoint), as, false);
      return partialObject(served(endpoint, stored), asVersion);
  }
}

/** A failure as its Status object. Never fails itself. */
export function respondError(error: StatusError, accept: string | undefined, scheme?: Scheme): HttpResponse {
  const encoding = negotiateOrJson(accept, scheme);
  const retryAfter = error.details?.retryAfterSeconds;
  const headers: Record<string, string> = { "content-type": encoding.contentType };
  if (retryAfter) headers["retry-after"] = String(retryAfter);
  return { status: error.code || 500, headers, body: encodeValue(error.toStatus(), encoding) };
}

export function respondText(status: number, text: string, headers?: HttpHeaders): HttpResponse {
  return {
    status,
    headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff", ...headers },
    body: utf8Encode(text),
  };
}
