import { type Document, LineCounter, isAlias, isMap, isNode, isScalar, isSeq, parseAllDocuments } from "yaml";
import type { YAMLMap } from "yaml";
import { base64Decode, utf8Decode } from "../../component-base/bytes.ts";
import { goQuote } from "../go-format.ts";
import { JsonError } from "../json/json-error.ts";
import { jsonDepthMax, parseJson } from "../json/parse.ts";
import { setMember } from "../object.ts";
import { resolvePlainScalar } from "./plain-scalar.ts";
import { syntaxErrorText } from "./syntax-error.ts";

/** A text that is no YAML, or YAML past a limit. */
export class YamlError extends Error {
  override readonly name = "YamlError";
}

export interface YamlReading {
  /** JSON-shaped, as parseJson makes it. */
  readonly value: unknown;
  /** Paths of keys that occur again in their mapping; the last one wins. */
  readonly duplicates: readonly string[];
  /** Upstream's message about them, for strict decoding: it tells lines, not paths. */
  readonly duplicatesMessage: string | undefined;
}

export interface YamlLimits {
  readonly bytesMax?: number;
  readonly depthMax?: number;
  /** How many values aliases may stand for, all together. */
  readonly aliasedValuesMax?: number;
}

/** Reads YAML elsewhere, while this thread goes on: for texts that are long or not trusted to be short work. */
export interface YamlReader {
  /** The first document, as `parseYaml` reads it. Rejects with YamlError, also for what takes too long. */
  read(text: string): Promise<YamlReading>;
}

/**
 * Differs from upstream, which takes YAML as large as any request: the library needs several µs per byte for hostile text,
 * and nothing else runs on this thread meanwhile; a YamlReader takes more. Stock clients send JSON, which is read as such
 * whatever it is called.
 */
const bytesMaxDefault = 1024 * 1024;

/** Enough for any manifest written by hand; a bomb of nested aliases needs millions. */
const aliasedValuesMaxDefault = 10_000;

/** Parses the first document of untrusted YAML into what the same data would be in JSON. Throws YamlError. */
export function parseYaml(input: Uint8Array | string, limits: YamlLimits = {}): YamlReading {
  return parseYamlDocuments(input, limits)[0] ?? { value: null, duplicates: [], duplicatesMessage: undefined };
}

/** Parses all documents, `---` between them; empty ones are null. Throws YamlError. */
export function parseYamlDocuments(input: Uint8Array | string, limits: YamlLimits = {}): readonly YamlReading[] {
  const text = typeof input === "string" ? input : utf8Decode(input);
  const { bytesMax = bytesMaxDefault, depthMax = jsonDepthMax } = limits;
  const json = readAsJson(text, depthMax);
  if (json !== undefined) return [json];
  // oxlint-disable-next-line no-control-regex -- upstream refuses these anywhere.
  if (/[\0-\x08\v\f\x0e-\x1f\x7f]/.test(text)) throw new YamlError("yaml: control characters are not allowed");
  if (text.length > bytesMax) throw new YamlError(`yaml: document is larger than ${bytesMax} bytes`);
  const lineCounter = new LineCounter();
  const documents = compose(text, lineCounter, depthMax);
  return documents.map((document) => {
    const { errors } = document;
    if (errors.some((error) => error.message.includes("call stack"))) throw tooDeep();
    if (errors.length > 0) throw new YamlError(syntaxErrorText(text, errors, lineCounter));
    return new Reader(lineCounter, depthMax, limits.aliasedValuesMax ?? aliasedValuesMaxDefault).read(document);
  });
}

/** JSON is YAML, and read fifty times faster as what it is. Undefined for all else, and where lines are to be told. */
export function readAsJson(text: string, depthMax = jsonDepthMax): YamlReading | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    const { value, duplicates } = parseJson(text, { depthMax });
    return duplicates.length === 0 ? { value, duplicates, duplicatesMessage: undefined } : undefined;
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

function compose(text: string, lineCounter: LineCounter, depthMax: number): readonly Document.Parsed[] {
  if (flowDepth(text) > depthMax) throw tooDeep();
  try {
    return parseAllDocuments(text, {
      // Scalars are resolved by our own rules, and keys compared by them; the library's comparison is quadratic.
      schema: "failsafe",
      uniqueKeys: false,
      version: "1.1",
      merge: false,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter,
    }) as Document.Parsed[];
  } catch (error) {
    // The library recurses once per level; block nesting that deep ends here.
    if (error instanceof RangeError) throw tooDeep();
    throw error;
  }
}

/**
 * The most brackets and dashes open at once, counted without regard to quotes: an upper bound that spares the library
 * text it would need time quadratic in the depth for.
 */
function flowDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const line of text.split("\n")) {
    const dashes = /^(?:[ \t]*-(?=[ \t]))*/.exec(line)?.[0].replace(/[ \t]/g, "").length ?? 0;
    deepest = Math.max(deepest, dashes);
    for (let i = 0; i < line.length; i++) {
      const c = line.charCodeAt(i);
      if (c === 0x5b || c === 0x7b) deepest = Math.max(deepest, ++depth);
      else if ((c === 0x5d || c === 0x7d) && depth > 0) depth--;
    }
  }
  return deepest;
}

function tooDeep(): YamlError {
  return new YamlError("yaml: exceeded max depth");
}

const stringTag = "tag:yaml.org,2002:str";
const binaryTag = "tag:yaml.org,2002:binary";

class Reader {
  readonly #lines: LineCounter;
  readonly #depthMax: number;
  readonly #duplicates: string[] = [];
  readonly #duplicateLines: string[] = [];
  readonly #anchors = new Map<string, unknown>();
  readonly #open = new Set<unknown>();
  /** Above zero inside what an alias stands for. */
  #aliasDepth = 0;
  #aliasBudget: number;
  #depth = 0;

  constructor(lines: LineCounter, depthMax: number, aliasedValuesMax: number) {
    this.#lines = lines;
    this.#depthMax = depthMax;
    this.#aliasBudget = aliasedValuesMax;
  }

  read(document: Document.Parsed): YamlReading {
    const value = this.#value(document.contents, "");
    const lines = this.#duplicateLines.map((line) => `\n  ${line}`).join("");
    return {
      value,
      duplicates: this.#duplicates,
      duplicatesMessage: lines === "" ? undefined : `yaml: unmarshal errors:${lines}`,
    };
  }

  #value(node: unknown, path: string): unknown {
    if (this.#aliasDepth > 0 && --this.#aliasBudget < 0) {
      throw new YamlError("yaml: document contains excessive aliasing");
    }
    if (isAlias(node)) return this.#alias(node.source, path);
    if (isScalar(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
      return toJsonScalar(this.#scalar(node));
    }
    if (!isMap(node) && !isSeq(node)) return null;
    if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
    if (++this.#depth > this.#depthMax) throw tooDeep();
    this.#open.add(node);
    const value = isMap(node)
      ? this.#mapping(node, path)
      : node.items.map((item, i) => this.#value(item, `${path}[${i}]`));
    this.#open.delete(node);
    this.#depth--;
    return value;
  }

  #alias(name: string, path: string): unknown {
    const target = this.#anchors.get(name);
    if (target === undefined) throw new YamlError(`yaml: unknown anchor '${name}' referenced`);
    if (this.#open.has(target)) throw new YamlError(`yaml: anchor '${name}' value contains itself`);
    this.#aliasDepth++;
    const value = this.#value(target, path);
    this.#aliasDepth--;
    return value;
  }

  #mapping(map: YAMLMap, path: string): Record<string, unknown> {
    const own: Record<string, unknown> = {};
    let merged: Record<string, unknown> | undefined;
    for (const { key, value } of map.items) {
      if (isScalar(key) && key.source === "<<" && key.type === "PLAIN") {
        merged = { ...this.#mergeSource(value, path), ...merged };
        continue;
      }
      const name = this.#key(key);
      const memberPath = path === "" ? name : `${path}.${name}`;
      if (Object.hasOwn(own, name)) this.#noteDuplicate(value ?? key, name, memberPath);
      setMember(own, name, this.#value(value, memberPath));
    }
    // Differs from upstream: a key of the mapping itself wins over a merged one wherever it stands, as YAML has it.
    if (merged === undefined) return own;
    for (const name of Object.keys(own)) setMember(merged, name, own[name]);
    return merged;
  }

  /** What `<<` brings in: a mapping, or several of which the earlier win. */
  #mergeSource(node: unknown, path: string): Record<string, unknown> {
    const value = this.#value(node, path);
    const sources: unknown[] = Array.isArray(value) ? value : [value];
    const merged: Record<string, unknown> = {};
    for (const source of sources.toReversed()) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        throw new YamlError("yaml: map merge requires map or sequence of maps as the value");
      }
      for (const [name, member] of Object.entries(source)) setMember(merged, name, member);
    }
    return merged;
  }

  #key(node: unknown): string {
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source);
      if (isScalar(target)) return this.#key(target);
    }
    if (isScalar(node)) {
      if (node.anchor !== undefined) this.#anchors.set(node.anchor, node);
      const value = this.#scalar(node);
      if (value !== null) return String(value);
    }
    throw new YamlError(
      "error converting YAML to JSON: unsupported map key: only strings, numbers and booleans can be keys",
    );
  }

  #scalar(node: { value: unknown; tag?: string; type?: string; source?: string }) {
    const text = typeof node.value === "string" ? node.value : (node.source ?? "");
    if (node.tag === binaryTag) return decodeBinary(text);
    if (node.type !== "PLAIN" || node.tag === stringTag || node.tag === "!") return text;
    return resolvePlainScalar(text);
  }

  /** Upstream tells the line of the value. */
  #noteDuplicate(node: unknown, name: string, path: string): void {
    this.#duplicates.push(path);
    const offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
    this.#duplicateLines.push(`line ${this.#lines.linePos(offset).line}: key ${goQuote(name)} already set in map`);
  }
}

function toJsonScalar(value: string | number | bigint | boolean | null): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new YamlError(
    `error converting YAML to JSON: json: unsupported value: ${String(value).replace("Infinity", "Inf")}`,
  );
}

function decodeBinary(text: string): string {
  try {
    return utf8Decode(base64Decode(text.replace(/\s/g, "")));
  } catch {
    throw new YamlError("yaml: !!binary value contains invalid base64 data");
  }
}
