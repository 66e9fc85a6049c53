import { readFileSync, readdirSync } from "node:fs";

import { builtinScheme } from "../../src/api/scheme.ts";
import { gvkFromApiVersion } from "../../src/apimachinery/group-version.ts";
import { parseJson } from "../../src/apimachinery/json/parse.ts";
import { stringifyJson } from "../../src/apimachinery/json/stringify.ts";
import type { ObjectKind } from "../../src/apimachinery/scheme/scheme.ts";

/** A file of vectors beside the test; its shape is the test's to say. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a cast with a name
export function readGolden<T>(test: string, name: string): T {
  return parseJson(readFileSync(new URL(name, test), "utf8")).value as T;
}

export function readGoldenText(test: string, name: string): string {
  return readFileSync(new URL(name, test), "utf8");
}

/** The names of the vectors beside the test. */
export function goldenFiles(test: string): readonly string[] {
  return readdirSync(new URL("./", test))
    .filter((name) => name.endsWith(".json"))
    .sort();
}

const scheme = builtinScheme();

export function kindOf(apiVersion: string, kind: string): ObjectKind {
  const gvk = gvkFromApiVersion(apiVersion, kind);
  const known = scheme.kind(gvk.group, gvk.version, gvk.kind);
  if (!known) throw new Error(`no kind ${apiVersion} ${kind}`);
  return known;
}

/** What a call made, or the message of what it threw. */
export function outcome<T>(run: () => T): { readonly value: T } | { readonly error: string } {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError || !(error instanceof Error)) throw error;
    return { error: error.message };
  }
}

/** Collects differences, so that one run shows all of them. */
export class Differences {
  readonly #found: string[] = [];
  compared = 0;

  equal(what: string, actual: unknown, expected: unknown): void {
    this.compared++;
    const [a, e] = [stringifyJson(actual), stringifyJson(expected)];
    if (a !== e) this.#found.push(`${what}\n    expected ${e}\n    actual   ${a}`);
  }

  /** Throws when something differed, or when fewer than `min` comparisons were made. */
  assertNone(min: number): void {
    if (this.#found.length > 0) throw new Error(`${this.#found.length} differences\n  ${this.#found.join("\n  ")}`);
    if (this.compared < min) throw new Error(`only ${this.compared} comparisons`);
  }
}
