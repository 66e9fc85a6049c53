import { goQuote } from "../../apimachinery/go-format.ts";
import { JsonError } from "../../apimachinery/json/json-error.ts";
import { memberPaths, numberLiterals } from "../../apimachinery/json/reader.ts";
import { parseJsonInPieces } from "../../apimachinery/json/parse.ts";
import { YamlError, parseYaml, readAsJson } from "../../apimachinery/yaml/parse.ts";
import type { YamlReader, YamlReading } from "../../apimachinery/yaml/parse.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import { finish, finishGivingWay, type Steps } from "../../component-base/steps.ts";

/** The media types bodies of every kind are read in. */
export const readableTypes: readonly string[] = ["application/json", "application/yaml"];

/** For kinds that have a message. */
export const protobufType = "application/vnd.kubernetes.protobuf";

/** A body as plain data, not yet looked at as an object. */
export interface ParsedText {
  readonly value: unknown;
  /** What to say, in upstream's words, of members that occur twice. */
  readonly duplicates: readonly string[];
  /** Of JSON that has such: the paths of its members in the order of the text, those that occur again included. */
  readonly order?: () => readonly string[];
  /** Of JSON that is not long and has numbers other than integers of 64 bits: how they are written, by path. */
  readonly literals?: () => ReadonlyMap<string, string>;
  /** The members were sorted on the way: of YAML, which becomes JSON first, and of a patched object. */
  readonly isSorted?: boolean;
  /** Upstream tells those of YAML before, those of JSON after what else is wrong. */
  readonly areDuplicatesFirst: boolean;
}

/** What is said of a member that occurs again. */
export function duplicateField(path: string): string {
  return `duplicate field ${goQuote(path)}`;
}

/** A body that cannot be parsed. The message is upstream's. */
export class SyntaxFailure extends Error {
  override readonly name = "SyntaxFailure";
}

/**
 * Differs from upstream: in text longer than this, `1.0` passes for an integer. Reading how numbers are written takes ten times
 * as long as reading them, and in one piece.
 */
const literalsLengthMax = 32 * 1024;

/** YAML longer than this may keep other requests waiting noticeably: 16 KiB at 5 µs a byte in the worst case are 80 ms. */
const yamlAsideLength = 16 * 1024;

/** The same, where there is a reader for it with long YAML read elsewhere. */
export async function parseTextAside(
  text: Uint8Array | string,
  contentType: string,
  yaml: YamlReader | undefined,
): Promise<ParsedText> {
  if (!yaml || contentType !== "application/yaml" || text.length <= yamlAsideLength)
    return finishGivingWay(readText(text, contentType));
  const whole = typeof text === "string" ? text : utf8Decode(text);
  try {
    return ofYaml(readAsJson(whole) ?? (await yaml.read(whole)));
  } catch (error) {
    if (error instanceof YamlError) throw new SyntaxFailure(error.message, { cause: error });
    throw error;
  }
}

function ofYaml({ value, duplicatesMessage }: YamlReading): ParsedText {
  const duplicates = duplicatesMessage === undefined ? [] : [duplicatesMessage];
  return { value, duplicates, isSorted: true, areDuplicatesFirst: true };
}

/** Parses untrusted text of one of the readable types. Throws SyntaxFailure. */
export function parseText(text: Uint8Array | string, contentType: string): ParsedText {
  return finish(readText(text, contentType));
}

/** The same in steps. */
export function* readText(text: Uint8Array | string, contentType: string): Steps<ParsedText> {
  try {
    if (contentType === "application/yaml") return ofYaml(parseYaml(text));
    if (typeof text !== "string" && text[0] === 0xef)
      throw new JsonError("invalid character 'ï' looking for beginning of value");
    const { value, duplicates, hasOtherNumber } = yield* parseJsonInPieces(text);
    const whole = (): string => (typeof text === "string" ? text : utf8Decode(text));
    return {
      value,
      duplicates: duplicates.map(duplicateField),
      ...(duplicates.length > 0 ? { order: () => memberPaths(whole()) } : {}),
      ...(hasOtherNumber && text.length <= literalsLengthMax ? { literals: () => numberLiterals(whole()) } : {}),
      areDuplicatesFirst: false,
    };
  } catch (error) {
    if (error instanceof JsonError || error instanceof YamlError)
      throw new SyntaxFailure(error.message, { cause: error });
    throw error;
  }
}
