import assert from "node:assert/strict";
import { test } from "node:test";

import { exec, execChecked, ExecError } from "./exec.ts";

const node = process.execPath;

test("output, input and exit code, without a shell", async () => {
  const script = "process.stdin.pipe(process.stdout); console.error(process.argv[1]); process.exitCode = 3";
  assert.deepEqual(await exec(node, ["-e", script, "$HOME; *"], { input: "in" }), {
    exitCode: 3,
    stdout: "in",
    stderr: "$HOME; *\n",
  });
});

test("execChecked tells what the program said", async () => {
  const failing = execChecked(node, ["-e", "console.error('why'); process.exit(4)"]);
  await assert.rejects(failing, (error) => error instanceof ExecError && /exit code 4: why/.test(error.message));
});

test("an absent program and one that takes too long are ExecErrors", async () => {
  await assert.rejects(exec("/no/such/program", []), (e) => e instanceof ExecError && e.code === "ENOENT");
  const endless = exec(node, ["-e", "setInterval(() => {}, 1000)"], { timeoutMs: 50 });
  await assert.rejects(endless, (e) => e instanceof ExecError && e.code === "ETIMEDOUT");
});

test("a program that does not read its input is no failure", async () => {
  assert.equal((await exec("true", [], { input: "x".repeat(1 << 20) })).exitCode, 0);
});
