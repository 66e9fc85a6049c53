import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";

import { TestApiServer } from "../../../src/kube-apiserver/testing/test-cluster.ts";
import { goldenFiles, readGolden, readGoldenText } from "../read.ts";

// Objects with one thing changed, and what upstream's API server answered to creating them, and to updating a good object to them.
// All but the good objects are dry runs.
//
//   node test/golden/validation/validation.test.ts --rewrite-differences

type Json = Record<string, unknown>;

interface Sample {
  /** Of the collection. */
  readonly path: string;
  readonly object: Json;
  /** What is sent to the status subresource, where the sample has it. */
  readonly status?: Json;
  /** The object as upstream stored it. */
  readonly live: Json;
  /** What is done, the member that is changed, its value (null: it is left out), the code, and of a refusal reason and message. */
  readonly cases: readonly (readonly [
    op: "create" | "update" | "status",
    member: string,
    value: unknown,
    code: number,
    reason?: string,
    message?: string,
  ])[];
}

const listFile = "known-differences.txt";
/** What follows says in Go's terms what differs. */
const fence = /(previously negative\)|for bound claims|is immutable after creation)\n.*$/s;
/** Kinds with values the server makes up: their own stored object is changed, not upstream's. */
const madeUp = new Set(["Job", "Service", "Pod"]);
const isRewriting = process.argv.includes("--rewrite-differences");
const known = new Set(readGoldenText(import.meta.url, listFile).split("\n").filter(Boolean));
const found: string[] = [];
let count = 0;

for (const file of goldenFiles(import.meta.url)) {
  test(`${file.replace(".json", "")}: what is refused is what upstream refuses`, async () => {
    const problems: string[] = [];
    for (const { name, difference } of await play(readGolden<Sample>(import.meta.url, file))) {
      const id = `${file.replace(".json", "")} ${name}`;
      count++;
      if (difference !== undefined) found.push(id);
      if (difference !== undefined && !known.has(id)) problems.push(`${id}\n${difference}`);
      if (difference === undefined && known.has(id)) problems.push(`${id}: is equal now; take it off the list`);
    }
    if (!isRewriting) assert.equal(problems.length, 0, `${problems.length} differences\n${problems.join("\n")}`);
  });
}

test("there are thousands of cases", () => {
  assert.ok(count >= 2000, `${count}`);
  if (isRewriting) writeFileSync(new URL(listFile, import.meta.url), `${found.join("\n")}\n`);
});

interface Outcome {
  readonly name: string;
  readonly difference?: string;
}

async function play(sample: Sample): Promise<readonly Outcome[]> {
  await using server = await TestApiServer.start();
  await server.request("POST", "/api/v1/namespaces", { metadata: { name: "t" } });
  await server.request("POST", "/api/v1/namespaces/t/serviceaccounts", { metadata: { name: "default" } });
  const { path, object } = sample;
  const item = `${path}/${(object["metadata"] as { name: string }).name}`;
  const results: Outcome[] = [];
  const label = ([op, member, value]: Sample["cases"][number]): string =>
    `${op} ${member}=${JSON.stringify(value).slice(0, 400)}`;
  const run = async (cases: Sample["cases"], base: Json): Promise<void> => {
    for (const each of cases) {
      const [op, member, value, code, reason, message] = each;
      const [method, url] = op === "create" ? ["POST", path] : ["PUT", op === "status" ? `${item}/status` : item];
      const status = Object.keys(sample.status ?? {}).length > 0 ? sample.status : sample.live["status"];
      const sent = op === "status" ? { ...base, status } : base;
      const answer = await server.request(method, `${url}?dryRun=All`, changed(sent, member.split("/"), value));
      const body = answer.status < 400 ? {} : answer.json<{ reason?: string; message?: string }>();
      const expected = JSON.stringify([code, reason, comparable(message)]);
      const actual = JSON.stringify([answer.status, body.reason, comparable(body.message)]);
      const name = label(each);
      results.push(
        actual === expected ? { name } : { name, difference: `    expected ${expected}\n    actual   ${actual}` },
      );
    }
  };
  await run(
    sample.cases.filter(([op]) => op === "create"),
    object,
  );
  const changes = sample.cases.filter(([op]) => op !== "create");
  const posted = await server.request("POST", path, object);
  // Some the server has by itself.
  const made = posted.status === 409 ? await server.request("GET", item) : posted;
  if (made.status >= 400) {
    return [...results, ...changes.map((each) => ({ name: label(each), difference: `    ${made.text}` }))];
  }
  const own = made.json<Json>();
  const isMadeUp = madeUp.has(String(object["kind"]));
  const base = structuredClone(isMadeUp ? own : sample.live);
  const metadata = base["metadata"] as Json;
  for (const field of ["managedFields", "uid", "creationTimestamp"]) delete metadata[field];
  metadata["resourceVersion"] = (own["metadata"] as Json)["resourceVersion"];
  await run(isMadeUp ? inOwnTerms(changes, sample.live, own) : changes, base);
  return results;
}

/** The cases with what upstream's server made up for its object replaced by what ours did: the uid and the cluster IP. */
function inOwnTerms(cases: Sample["cases"], live: Json, own: Json): Sample["cases"] {
  let text = JSON.stringify(cases);
  for (const pattern of [/controller-uid":"([-0-9a-f]{36})"/, /"clusterIP":"([0-9.]+)"/]) {
    const [theirs, ours] = [live, own].map((object) => pattern.exec(JSON.stringify(object))?.[1]);
    if (theirs !== undefined && ours !== undefined) text = text.replaceAll(theirs, ours);
  }
  return JSON.parse(text) as Sample["cases"];
}

/** Without what says in Go's terms what differs, and without the uids that are wanted. */
function comparable(message: string | undefined): string | undefined {
  return message?.replace(fence, "$1").replaceAll(/must be '[-0-9a-f]{36}'/g, "must be '…'");
}

function changed(base: Json, member: readonly string[], value: unknown): Json {
  const object = structuredClone(base);
  let at = object;
  for (const part of member.slice(0, -1)) at = (at[part] ??= {}) as Json;
  const last = member.at(-1) ?? "";
  if (value === null) delete at[last];
  else at[last] = value;
  return object;
}
