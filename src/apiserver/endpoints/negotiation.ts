import { notAcceptable } from "../../apimachinery/errors/new.ts";
import type { Scheme } from "../../apimachinery/scheme/scheme.ts";
import { protobufType } from "./serializer.ts";

/** How the body of an answer is written. */
export type Encoding = TextEncoding | ProtobufEncoding;

export interface TextEncoding {
  readonly format: "json" | "yaml";
  readonly contentType: string;
  readonly pretty: boolean;
}

export interface ProtobufEncoding {
  readonly format: "protobuf";
  readonly contentType: string;
  readonly pretty: false;
  /** Knows the messages of all kinds an answer may be of. */
  readonly scheme: Scheme;
}

/** What an answer is turned into before it is encoded: the object itself, or a view of meta.k8s.io. */
export interface Negotiated {
  readonly encoding: Encoding;
  readonly as: "" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  /** v1 or v1beta1, with `as`. */
  readonly asVersion: string;
}

/** What every endpoint offers. */
const textTypes: readonly string[] = ["application/json", "application/yaml"];

const json: TextEncoding = { format: "json", contentType: "application/json", pretty: false };
const prettyJson: TextEncoding = { ...json, pretty: true };
const yaml: TextEncoding = { format: "yaml", contentType: "application/yaml", pretty: false };
const plainJson: Negotiated = { encoding: json, as: "", asVersion: "" };

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Which views an endpoint has, and in which encodings. */
export interface Offer {
  readonly table: boolean;
  /** Metadata alone: what is asked for as a list and is none, or the other way round, is told when it is answered. */
  readonly partial: boolean;
  /** Present when what is answered has a message. */
  readonly protobuf?: Scheme | undefined;
  /** Present when metadata alone can be written as a message, though the object may have none. */
  readonly protobufPartial?: Scheme | undefined;
  /** The version of the server's own kinds, which clients may insist on. */
  readonly serverVersion?: string;
}

/** Documents that are no API objects, or such without a message. */
export const noViews: Offer = { table: false, partial: false };

/** API objects that are answered as they are. */
export function plainObjects(scheme: Scheme): Offer {
  return { ...noViews, protobuf: scheme, serverVersion: "v1" };
}

/** Picks the first acceptable clause in the client's order. Throws NotAcceptable (406) when there is none. */
export function negotiate(accept: string | undefined, isPretty: boolean, offer: Offer): Negotiated {
  if ((accept === undefined || accept === "" || accept === "*/*" || accept === "application/json") && !isPretty)
    return plainJson;
  const clauses = accept ? parseAccept(accept) : [];
  if (clauses.length === 0) return { ...plainJson, encoding: isPretty ? prettyJson : json };
  for (const clause of clauses) {
    const accepted = acceptClause(clause, isPretty, offer);
    if (accepted) return accepted;
  }
  // Upstream names all it can write, whatever the object's kind can be written in.
  throw notAcceptable([...textTypes, protobufType]);
}

/** The encoding for answers that have no views, such as errors; never fails. */
export function negotiateOrJson(accept: string | undefined, protobuf: Scheme | undefined): Encoding {
  if (!accept?.includes("yaml") && !accept?.includes("protobuf")) return json;
  for (const clause of parseAccept(accept)) {
    const accepted = acceptClause(clause, false, { ...noViews, protobuf });
    if (accepted) return accepted.encoding;
  }
  return json;
}

/** What a clause asks for, when it can be had as a whole: what is unknown of its parameters does not matter. */
function acceptClause({ type, parameters }: Clause, isPretty: boolean, offer: Offer): Negotiated | undefined {
  const encoding = encodingOf(type, isPretty || parameters.get("pretty") === "1", offer);
  if (!encoding) return undefined;
  const stream = parameters.get("stream") ?? "";
  if (stream !== "" && (stream !== "watch" || encoding.format === "yaml")) return undefined;
  const serverVersion = parameters.get("sv") ?? "";
  if (serverVersion !== "" && serverVersion !== offer.serverVersion) return undefined;
  const [as, group, version] = ["as", "g", "v"].map((name) => parameters.get(name));
  if (as === undefined && group === undefined && version === undefined)
    return encoding.format === "protobuf" && !offer.protobuf ? undefined : { encoding, as: "", asVersion: "" };
  if (group !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1")) return undefined;
  switch (as) {
    case "Table":
      return offer.table && encoding.format !== "protobuf" ? { encoding, as, asVersion: version } : undefined;
    case "PartialObjectMetadata":
    case "PartialObjectMetadataList":
      return offer.partial ? { encoding, as, asVersion: version } : undefined;
    default:
      return undefined;
  }
}

function encodingOf(type: string, isPretty: boolean, offer: Offer): Encoding | undefined {
  switch (type) {
    case "application/json":
    case "application/*":
    case "*/*":
      return isPretty ? prettyJson : json;
    case "application/yaml":
      return yaml;
    case protobufType: {
      const scheme = offer.protobuf ?? offer.protobufPartial;
      return scheme && { format: "protobuf", contentType: protobufType, pretty: false, scheme };
    }
    default:
      return undefined;
  }
}

/** Clauses by descending quality, in the order written where equal. */
export function parseAccept(header: string): readonly Clause[] {
  const clauses: Clause[] = [];
  for (const text of header.split(",")) {
    const [type = "", ...pairs] = text.split(";");
    if (type.trim() === "") continue;
    const parameters = new Map<string, string>();
    for (const pair of pairs) {
      const at = pair.indexOf("=");
      if (at > 0) parameters.set(pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim());
    }
    const quality = Number(parameters.get("q") ?? 1);
    if (quality > 0) clauses.push({ type: type.trim(), parameters, quality });
  }
  return clauses.sort((a, b) => b.quality - a.quality);
}
