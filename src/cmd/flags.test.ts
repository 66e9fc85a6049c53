import assert from "node:assert/strict";
import { test } from "node:test";

import { UsageError } from "./arguments.ts";
import { parseFlags, requiredFlag } from "./flags.ts";

const table = {
  kubeconfig: "string",
  "max-pods": "int",
  "rotate-certificates": "bool",
  "node-monitor-grace-period": "duration",
  "cluster-dns": "list",
  "node-labels": "map",
  "eviction-hard": "thresholds",
  "cloud-provider": "ignored",
} as const;

test("values come after a blank or an equals sign; the last one counts, lists and maps grow", () => {
  const ignored: string[] = [];
  const args = [
    "--kubeconfig /a --kubeconfig=/b --max-pods=5 --rotate-certificates -v=4 -v 2",
    "--node-monitor-grace-period 1m30s --cluster-dns=10.96.0.10,10.96.0.11 --cluster-dns 10.96.0.12",
    "--node-labels=a=b,c=d=e --cloud-provider=external --eviction-hard memory.available<1Gi,pid.available<5%",
  ].flatMap((line) => line.split(" "));
  assert.deepEqual(
    parseFlags(table, args, (name) => ignored.push(name)),
    {
      kubeconfig: "/b",
      "max-pods": 5,
      "rotate-certificates": true,
      "node-monitor-grace-period": 90_000,
      "cluster-dns": ["10.96.0.10", "10.96.0.11", "10.96.0.12"],
      "node-labels": { a: "b", c: "d=e" },
      "eviction-hard": { "memory.available": "1Gi", "pid.available": "5%" },
      "cloud-provider": "external",
    },
  );
  assert.deepEqual(ignored, ["cloud-provider"]);
  assert.equal(parseFlags(table, ["--rotate-certificates=false"])["rotate-certificates"], false);
});

test("what is wrong is said in upstream's words", () => {
  const cases: readonly (readonly [readonly string[], string])[] = [
    [["--no-such"], "unknown flag: --no-such"],
    [["--kubeconfig"], "flag needs an argument: --kubeconfig"],
    [
      ["--max-pods=many"],
      'invalid argument "many" for "--max-pods" flag: strconv.ParseInt: parsing "many": invalid syntax',
    ],
    [
      ["--rotate-certificates=maybe"],
      'invalid argument "maybe" for "--rotate-certificates" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ["--node-monitor-grace-period=soon"],
      'invalid argument "soon" for "--node-monitor-grace-period" flag: time: invalid duration "soon"',
    ],
    [["--node-labels=a"], 'invalid argument "a" for "--node-labels" flag: malformed pair, expect string=string'],
    [["-x"], "unknown shorthand flag: 'x' in -x"],
    [["word"], "unknown argument word"],
    [["--constructor=1"], "unknown flag: --constructor"],
  ];
  for (const [args, message] of cases)
    assert.throws(() => parseFlags(table, args), new UsageError(message), args.join(" "));
  assert.throws(() => requiredFlag(parseFlags(table, []), "kubeconfig"), /required flag\(s\) "kubeconfig" not set/);
});
