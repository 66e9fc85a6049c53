import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { test } from "node:test";

import { CommandShell } from "./command-shell.ts";
import { ExecError } from "./exec.ts";

const isExecError = (code: string, message: RegExp) => (error: unknown) =>
  error instanceof ExecError && error.code === code && message.test(error.message);

test("programs get their arguments as they are, whatever is in them", async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), "shell-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const shell = new CommandShell();
  const names = ["plain", "with blank", "it's", '"$HOME" `id` \\', "two\nlines", "ünïcode", "-e", "*"];
  await Promise.all(
    names.map((name) => shell.run("sh", ["-c", 'printf %s "$1" > "$2"', "sh", name, path.join(directory, name)])),
  );
  for (const name of names) assert.equal(readFileSync(path.join(directory, name), "utf8"), name);
});

test("a program that fails is told with what it printed, and those after it run", async () => {
  const shell = new CommandShell();
  const failing = shell.run("sh", ["-c", "echo out; echo why >&2; exit 3"]);
  const after = shell.run("true", []);
  await assert.rejects(failing, isExecError("EXIT3", /^sh -c .*: exit code 3: out\nwhy$/s));
  await after;
  await assert.rejects(shell.run("no-such-program", []), isExecError("EXIT127", /not found/));
});

test("programs have no input, and cannot read what is asked next", async () => {
  const shell = new CommandShell();
  await Promise.all([shell.run("cat", []), shell.run("true", [])]);
});

test("a shell that was killed fails what runs, and the next one is another", async () => {
  const shell = new CommandShell();
  await assert.rejects(shell.run("sh", ["-c", "kill -9 $PPID"]), isExecError("ECHILD", /ECHILD/));
  await shell.run("true", []);
});
