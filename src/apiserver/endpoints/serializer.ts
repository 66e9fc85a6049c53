import { JsonError } from "../../apimachinery/json/json-error.ts";
import { parseJson } from "../../apimachinery/json/parse.ts";
import type { JsonReading } from "../../apimachinery/json/reader.ts";
import { stringifyJson } from "../../apimachinery/json/stringify.ts";

/** The media types bodies of every kind are read in. */
export const readableTypes: readonly string[] = ["application/json", "application/yaml"];

/** For kinds that have a message. */
export const protobufType = "application/vnd.kubernetes.protobuf";

/** Parses untrusted text. Throws JsonError with Go's message. */
export function parseText(bytes: Uint8Array, contentType: string): JsonReading {
  if (contentType === "application/yaml") throw new JsonError("yaml bodies are not read yet");
  return parseJson(bytes);
}

export function toYaml(value: unknown): string {
  return stringifyJson(value);
}
