import { goQuote } from "../../apimachinery/go-format.ts";
import { JsonError } from "../../apimachinery/json/json-error.ts";
import { parseJson } from "../../apimachinery/json/parse.ts";
import { YamlError, parseYaml } from "../../apimachinery/yaml/parse.ts";

/** The media types bodies of every kind are read in. */
export const readableTypes: readonly string[] = ["application/json", "application/yaml"];

/** For kinds that have a message. */
export const protobufType = "application/vnd.kubernetes.protobuf";

/** A body as plain data, not yet looked at as an object. */
export interface ParsedText {
  readonly value: unknown;
  /** What to say, in upstream's words, of members that occur twice. */
  readonly duplicates: readonly string[];
  /** Upstream tells those of YAML before, those of JSON after what else is wrong. */
  readonly areDuplicatesFirst: boolean;
}

/** A body that cannot be parsed. The message is upstream's. */
export class SyntaxFailure extends Error {
  override readonly name = "SyntaxFailure";
}

/** Parses untrusted text of one of the readable types. Throws SyntaxFailure. */
export function parseText(text: Uint8Array | string, contentType: string): ParsedText {
  try {
    if (contentType === "application/yaml") {
      const { value, duplicatesMessage } = parseYaml(text);
      return {
        value,
        duplicates: duplicatesMessage === undefined ? [] : [duplicatesMessage],
        areDuplicatesFirst: true,
      };
    }
    const { value, duplicates } = parseJson(text);
    return {
      value,
      duplicates: duplicates.map((path) => `duplicate field ${goQuote(path)}`),
      areDuplicatesFirst: false,
    };
  } catch (error) {
    if (error instanceof JsonError || error instanceof YamlError)
      throw new SyntaxFailure(error.message, { cause: error });
    throw error;
  }
}
