import { notAcceptable } from "../../apimachinery/errors/new.ts";

/** How the body of an answer is written. */
export interface Encoding {
  readonly format: "json" | "yaml";
  readonly contentType: string;
  readonly pretty: boolean;
}

/** What an answer is turned into before it is encoded: the object itself, or a view of meta.k8s.io. */
export interface Negotiated {
  readonly encoding: Encoding;
  readonly as: "" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  /** v1 or v1beta1, with `as`. */
  readonly asVersion: string;
}

/** Protobuf is not offered yet; a client that lists it first is served by the next type it accepts. */
export const offeredTypes: readonly string[] = ["application/json", "application/yaml"];

const json: Encoding = { format: "json", contentType: "application/json", pretty: false };
const prettyJson: Encoding = { ...json, pretty: true };
const yaml: Encoding = { format: "yaml", contentType: "application/yaml", pretty: false };
const plainJson: Negotiated = { encoding: json, as: "", asVersion: "" };

interface Clause {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** Which views an endpoint has. */
export interface Offer {
  readonly table: boolean;
  readonly partial: "" | "PartialObjectMetadata" | "PartialObjectMetadataList";
}

export const noViews: Offer = { table: false, partial: "" };

/** Picks the first acceptable clause in the client's order. Throws NotAcceptable (406) when there is none. */
export function negotiate(accept: string | undefined, isPretty: boolean, offer: Offer): Negotiated {
  if ((accept === undefined || accept === "" || accept === "*/*" || accept === "application/json") && !isPretty)
    return plainJson;
  const clauses = accept ? parseAccept(accept) : [];
  if (clauses.length === 0) return { ...plainJson, encoding: isPretty ? prettyJson : json };
  for (const clause of clauses) {
    const encoding = encodingOf(clause, isPretty);
    if (!encoding) continue;
    const as = clause.parameters.get("as") ?? "";
    if (as === "") return { encoding, as: "", asVersion: "" };
    const version = clause.parameters.get("v") ?? "";
    if (clause.parameters.get("g") !== "meta.k8s.io" || (version !== "v1" && version !== "v1beta1")) continue;
    if (as === "Table" && offer.table) return { encoding, as, asVersion: version };
    if (as !== "Table" && as === offer.partial) return { encoding, as: offer.partial, asVersion: version };
  }
  throw notAcceptable(offeredTypes);
}

/** The encoding for answers that have no views, such as errors; never fails. */
export function negotiateOrJson(accept: string | undefined): Encoding {
  if (!accept?.includes("yaml")) return json;
  for (const clause of parseAccept(accept)) {
    const encoding = encodingOf(clause, false);
    if (encoding) return encoding;
  }
  return json;
}

function encodingOf(clause: Clause, isPretty: boolean): Encoding | undefined {
  switch (clause.type) {
    case "application/json":
    case "application/*":
    case "*/*":
      return isPretty || clause.parameters.get("pretty") === "1" || clause.parameters.get("pretty") === "true"
        ? prettyJson
        : json;
    case "application/yaml":
      return yaml;
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
    if (quality > 0) clauses.push({ type: type.trim().toLowerCase(), parameters, quality });
  }
  return clauses.sort((a, b) => b.quality - a.quality);
}
