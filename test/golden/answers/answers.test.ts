import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { builtinScheme } from "../../../src/api/scheme.ts";
import { parseYaml } from "../../../src/apimachinery/yaml/parse.ts";
import { openApiProvider } from "../../../src/cluster/open-api.ts";
import type { TestAnswer } from "../../../src/kube-apiserver/testing/test-cluster.ts";
import { TestApiServer } from "../../../src/kube-apiserver/testing/test-cluster.ts";
import { goldenFiles, readGolden } from "../read.ts";

// Requests, and what upstream's API server answered: code, warnings, and of a Status its reason, message and details; of
// other answers the members a case asks for.

type Json = Record<string, unknown>;

interface Sent {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

interface Case extends Sent {
  /** Paths of members of the answer, with slashes. */
  readonly keep?: readonly string[];
  readonly answer: Json;
}

interface Vectors {
  /** Done before; repeated until what it needs is served. */
  readonly setup: readonly Sent[];
  readonly cases: readonly Case[];
}

let count = 0;

for (const file of goldenFiles(import.meta.url)) {
  const subject = file.replace(".json", "");
  test(`${subject}: answers are what upstream answers`, async () => {
    const openApi = openApiProvider(builtinScheme());
    await using server = await TestApiServer.start({ serviceCidr: "10.96.0.0/16", openApi });
    const { setup, cases } = readGolden<Vectors>(import.meta.url, file);
    // Upstream's server had it from before the recording.
    await server.request("POST", "/api/v1/nodes", { metadata: { name: "x" } });
    for (const step of setup) await prepare(server, step);
    const problems: string[] = [];
    for (const each of cases) {
      const actual = sorted(recorded(await send(server, each), each.keep ?? []));
      const expected = sorted(ofYaml(expectedOf(each.answer)));
      count++;
      if (JSON.stringify(actual) === JSON.stringify(expected)) continue;
      const told = `expected ${JSON.stringify(expected)}\n    actual   ${JSON.stringify(actual)}`;
      problems.push(`${each.name}\n    ${told}`);
    }
    assert.equal(problems.length, 0, `${problems.length} differences\n${problems.join("\n")}`);
  });
}

test("there are many cases", () => {
  assert.ok(count >= 1400, `${count}`);
});

async function prepare(server: TestApiServer, step: Sent): Promise<void> {
  for (let i = 0; i < 100; i++) {
    const { status, text } = await send(server, step);
    if (status < 400) return;
    assert.equal(status, 404, text);
    await sleep(5);
  }
  assert.fail(`${step.name} is not served`);
}

/** The client certificate upstream's server was asked with. */
const asker = {
  commonName: "admin",
  organizations: ["system:masters"],
  sha256: "941b7259a6e5aea847decc9e0a0e4232aa5a0b47afebfad9bc829e3af6c0bd78",
};

function send(server: TestApiServer, { method, path, body, headers = {} }: Sent): Promise<TestAnswer> {
  const accept = { accept: "application/json", "user-agent": "oracle/v0 (linux)" };
  return server.request(method, path, body, { as: asker, headers: { ...accept, ...headers } });
}

/** As the answer that is compared with it: ages go on. */
function expectedOf(answer: Json): Json {
  withoutOrder(answer);
  return answer["kept"] === undefined ? answer : { ...answer, kept: maskedKept(answer["kept"]) };
}

function recorded(answer: TestAnswer, keep: readonly string[]): Json {
  const { status, headers, text } = answer;
  const { warning, "content-type": type = "" } = headers;
  const body = parsed(text);
  const isStatus = body?.["kind"] === "Status" && body["apiVersion"] === "v1";
  const result: Json = { code: status };
  // As Node.js shows the bytes of a header.
  if (warning !== undefined) result["warnings"] = Buffer.from(warning, "utf8").toString("latin1");
  if (isStatus) {
    for (const field of ["reason", "message", "details"]) if (body[field] !== undefined) result[field] = body[field];
    withoutMadeUp(result);
    withoutOrder(result);
  } else if (status >= 400 || body === undefined) {
    result["text"] = text;
  } else if (keep.length > 0) {
    result["kept"] = maskedKept(Object.fromEntries(keep.map((path) => [path, memberAt(body, path)])));
  }
  if (type !== "application/json") result["type"] = type;
  return ofYaml(result);
}

/** YAML as what it says: there is no telling what in its text was made up. */
function ofYaml(answer: Json): Json {
  const { type, text } = answer;
  if (type !== "application/yaml" || typeof text !== "string") return answer;
  return { ...answer, text: maskedKept(parseYaml(text).value) };
}

/** The patched objects that messages quote have uids and times. */
function withoutMadeUp(result: Json): void {
  const { message, details } = result as {
    message?: string;
    details?: { uid?: string; name?: string; causes?: readonly { message: string }[] };
  };
  if (message !== undefined)
    result["message"] = masked(message).replace(/patch: Invalid value: "\{.*\}": /s, 'patch: Invalid value: "…": ');
  delete details?.uid;
  if (details?.name?.startsWith("A_")) details.name = "A_…";
  for (const cause of details?.causes ?? []) {
    cause.message = masked(cause.message).replace(/^Invalid value: "\{.*\}": /s, 'Invalid value: "…": ');
  }
}

/** What is wrong with a custom resource or a definition upstream finds in no order: it walks maps. */
function withoutOrder(result: Json): void {
  const { message = "", details } = result as {
    message?: string;
    details?: { group?: string; causes?: { field: string; message: string }[] };
  };
  const { causes, group = "" } = details ?? {};
  if (!causes || causes.length < 2 || (!group.includes("example.com") && group !== "apiextensions.k8s.io")) return;
  const told = (each: typeof causes): string => `[${each.map((cause) => `${cause.field}: ${cause.message}`).join(", ")}]`;
  const before = told(causes);
  causes.sort((a, b) => (told([a]) < told([b]) ? -1 : 1));
  result["message"] = message.replace(before, () => told(causes));
}

/** Without uids, versions, times and generated suffixes. */
function masked(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "…")
    .replaceAll(/(current: |in record \()[0-9]+/g, "$1…")
    .replaceAll(/A_[a-z0-9]{5}/g, "A_…")
    .replaceAll(/"time":"[^"]*"/g, '"time":"…"');
}

/**
 * Without uids, versions, addresses, times, ages and generated suffixes, and without what columns are described as, in words of our
 * own.
 */
function maskedKept(kept: unknown): unknown {
  const text = JSON.stringify(kept)
    .replaceAll(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, "…")
    .replaceAll(/"10\.96\.[0-9.]+"/g, '"…"')
    .replaceAll(/"202[6-9]-[^"]*"|"1970-[^"]*"/g, '"…"')
    .replaceAll(/("nodePort":|"healthCheckNodePort":)3[0-9]{4}/g, (_, name: string) => `${name}0`)
    .replaceAll(/"resourceVersion":"[0-9]+"/g, '"resourceVersion":"…"')
    .replaceAll(/kube-api-access-[a-z0-9]{5}/g, "kube-api-access-…")
    .replaceAll(/"(?:[0-9]+[ydhms])+(?: ago)?"/g, '"…"')
    .replaceAll(/"description":"(?:[^"\\]|\\.)*"/g, '"description":"…"');
  return JSON.parse(text);
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

function memberAt(body: Json, path: string): unknown {
  let at: unknown = body;
  for (const part of path.split("/")) at = (at as Json | undefined)?.[part];
  return at ?? null;
}

/** With members by name, at every depth. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, each]) => [name, sorted(each)]));
}
