import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, realpathSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { exec, execChecked, type ExecResult } from "../../src/node/exec.ts";
import { CliCluster } from "./cli.ts";
import { enterWorld, eventually } from "./world.ts";

// exec, attach, cp, port-forward, logs, top and debug by stock kubectl: those up to 1.28 speak SPDY only, those from 1.31
// WebSocket first. Every kubectl that lies beside the stock one is tried, and those that K8TS_KUBECTLS names, colons between.

const world = await enterWorld(["containerd", "runc", "nft", "kubectl", "busybox"]);

const manifest = `apiVersion: v1
kind: Pod
metadata: { name: stream }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: main
      image: k8ts.local/busybox:1
      command: [sh, -c, "mkdir /www; echo page > /www/index.html; head -c 52428800 /dev/urandom > /www/large; exec httpd -f -p 8080 -h /www"]
      readinessProbe: { httpGet: { port: 8080 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Pod
metadata: { name: debugged }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - { name: main, image: k8ts.local/busybox:1, command: [sleep, "1234567"] }
---
apiVersion: v1
kind: Pod
metadata: { name: echo }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - { name: main, image: k8ts.local/busybox:1, stdin: true, command: [sh, -c, 'while read line; do echo "heard $line"; done; sleep 1000000'] }
`;

async function kubectls(): Promise<readonly string[]> {
  const stock = (await execChecked("which", ["kubectl"])).trim();
  const directory = path.dirname(realpathSync(stock));
  const others = readdirSync(directory).filter((name) => /^kubectl\.1\.\d+$/.test(name));
  const named = (process.env["K8TS_KUBECTLS"] ?? "").split(":").filter((name) => name !== "");
  return [stock, ...others.map((name) => path.join(directory, name)), ...named];
}

const programs = typeof world === "string" ? [] : await kubectls();

describe("streaming", { skip: typeof world === "string" ? world : false }, () => {
  if (typeof world === "string") return;
  const cluster = new CliCluster(world);
  const env = { PATH: process.env["PATH"] ?? "", HOME: world.directory, KUBECONFIG: `${cluster.dataDir}/kubeconfig` };
  const run = (program: string, args: readonly string[], input?: string): Promise<ExecResult> =>
    exec(program, args, { env, ...(input === undefined ? {} : { input }) });

  before(async () => {
    await cluster.up();
    await cluster.loadBusybox("k8ts.local/busybox:1");
    await cluster.apply(manifest);
    await cluster.kubectl("wait", "--for=condition=Ready", "pod/stream", "pod/echo", "pod/debugged", "--timeout=60s");
  });
  after(() => cluster.k8ts("delete").then(() => {}));

  for (const [index, program] of programs.entries()) {
    // Two programs may be called alike; what a test makes is named after its own.
    const name = index > 0 && path.basename(program) === "kubectl" ? `kubectl-${index}` : path.basename(program);
    const label = name.replaceAll(".", "-");

    test(`${name}: exec passes streams and exit codes`, async () => {
      const script = "wc -c; echo err >&2; exit 7";
      const result = await run(program, ["exec", "-i", "stream", "--", "sh", "-c", script], "x".repeat(2_000_000));
      assert.equal(result.stdout.trim(), "2000000");
      assert.match(result.stderr, /^err\n/);
      assert.equal(result.exitCode, 7);
      const none = await run(program, ["exec", "stream", "--", "no-such-program"]);
      assert.notEqual(none.exitCode, 0);
      assert.match(none.stderr, /no-such-program/);
    });

    test(`${name}: cp both ways keeps every byte`, async () => {
      const data = randomBytes(30 << 20);
      const [source, copy] = [`${world.directory}/${name}.in`, `${world.directory}/${name}.out`];
      await writeFile(source, data);
      for (const args of [
        [source, "stream:/tmp/file"],
        ["stream:/tmp/file", copy],
      ]) {
        const result = await run(program, ["cp", ...args]);
        assert.equal(result.exitCode, 0, result.stderr);
      }
      const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");
      assert.equal(digest(await readFile(copy)), digest(data));
    });

    test(`${name}: exec -it has the terminal's size, and follows its changes`, async () => {
      // Each step waits for the one before: the pod says when it has seen the first size.
      const until = (size: string): string => `until [ "$(stty size)" = "${size}" ]; do sleep 0.1; done`;
      const inPod = `${until("40 100")}; touch /tmp/seen; ${until("50 120")}; echo seen both`;
      const seen = `until ${program} exec stream -- test -f /tmp/seen; do sleep 0.1; done`;
      const resize = `(${seen}; stty -F /dev/tty rows 50 cols 120) 2>/dev/null &`;
      const script = `stty rows 40 cols 100; ${resize} ${program} exec -it stream -- sh -c '${inPod}'`;
      await run(program, ["exec", "stream", "--", "rm", "-f", "/tmp/seen"]);
      const { stdout, exitCode } = await exec("script", ["-qec", script, "/dev/null"], {
        env: { ...env, TERM: "xterm" },
      });
      assert.equal(exitCode, 0, stdout);
      assert.match(stdout, /seen both/);
    });

    test(`${name}: attach passes input and output`, async (t) => {
      const child = spawn(program, ["attach", "-i", "echo"], { env, stdio: ["pipe", "pipe", "pipe"] });
      t.after(() => child.kill());
      let said = "";
      for (const output of [child.stdout, child.stderr]) output.on("data", (chunk) => (said += String(chunk)));
      child.stdin.write(`${name} one\n${name} two\n`);
      await eventually("both lines come back", () =>
        Promise.resolve(said.includes(`heard ${name} one`) && said.includes(`heard ${name} two`)),
      );
    });

    test(`${name}: port-forward`, async (t) => {
      const child = spawn(program, ["port-forward", "pod/stream", ":8080", "-v=6"], {
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      t.after(() => child.kill());
      let said = "";
      for (const output of [child.stdout, child.stderr]) output.on("data", (chunk) => (said += String(chunk)));
      await eventually("forwarding", () => Promise.resolve(/Forwarding from 127\.0\.0\.1:\d+/.test(said)));
      const port = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(said)?.[1];
      const pages = await Promise.all(
        Array.from({ length: 5 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
      );
      assert.deepEqual(new Set(pages), new Set(["page\n"]));
      const large = Buffer.from(await (await fetch(`http://127.0.0.1:${port}/large`)).arrayBuffer());
      const [expected] = (await run(program, ["exec", "stream", "--", "sha256sum", "/www/large"])).stdout.split(" ");
      assert.equal(createHash("sha256").update(large).digest("hex"), expected);
      assert.doesNotMatch(said, /fallback to secondary dialer/i);
    });

    test(`${name}: logs -f goes on as the container does`, async (t) => {
      const child = spawn(program, ["logs", "-f", "--tail=1", "echo"], { env, stdio: ["ignore", "pipe", "inherit"] });
      t.after(() => child.kill());
      let said = "";
      child.stdout.on("data", (chunk) => (said += String(chunk)));
      const lines = [`${name} first`, `${name} second`];
      for (const line of lines) {
        const told = await run(program, ["exec", "echo", "--", "sh", "-c", `echo "${line}" > /proc/1/fd/1`]);
        assert.equal(told.exitCode, 0, told.stderr);
        await eventually(`"${line}" is followed`, () => Promise.resolve(said.includes(`${line}\n`)));
      }
    });

    test(`${name}: top tells what pods, containers and nodes use`, async () => {
      let last = "";
      await eventually(
        "pods are metered",
        async () => {
          const { stdout, stderr } = await run(program, ["top", "pods", "--containers"]);
          last = stdout + stderr;
          return /^echo +main +\d+m +\d+Mi/m.test(stdout) && /^stream +main +\d+m +\d+Mi/m.test(stdout);
        },
        40_000,
      ).catch((error: unknown) => assert.fail(`${String(error)}\n${last}`));
      const nodes = await run(program, ["top", "nodes"]);
      assert.match(
        nodes.stdout,
        /^NAME +CPU\(cores\) +CPU.* +MEMORY\(bytes\) +MEMORY.*\n\S+ +\d+m +\d+% +\d+Mi +\d+% *\n$/,
      );
    });

    test(`${name}: debug joins a pod, copies one, and looks at a node`, async (t) => {
      const image = "--image=k8ts.local/busybox:1";
      const listener = (command: string): readonly string[] => ["-i", "--", "sh", "-c", `read line; ${command}`];
      const joining = ["debug", "debugged", image, "--target=main", "-c", `debug-${label}`];
      const joined = await converse(program, [...joining, ...listener('echo "heard $line"; ps')], "a line\n");
      assert.match(joined, /^heard a line$/m);
      assert.match(joined, /sleep 1234567/);
      const [copy, copying] = [`copy-${label}`, ["--container=more", "--share-processes", "--", "sleep", "1000000"]];
      const copied = await run(program, ["debug", "debugged", image, `--copy-to=${copy}`, ...copying]);
      assert.equal(copied.exitCode, 0, copied.stderr);
      t.after(() => run(program, ["delete", "pod", copy, "--grace-period=0", "--force"]).then(() => {}));
      const ready = await run(program, ["wait", "--for=condition=Ready", `pod/${copy}`, "--timeout=30s"]);
      assert.equal(ready.exitCode, 0, ready.stderr);
      const seen = await run(program, ["exec", copy, "-c", "more", "--", "ps"]);
      assert.match(seen.stdout, /sleep 1234567/);

      const node = await cluster.kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}");
      const onNode = ["debug", `node/${node}`, image, ...listener('echo "$line:" $(ls /host/proc/self/ns)')];
      const looked = await converse(program, onNode, "namespaces\n");
      assert.match(looked, /^namespaces: cgroup ipc mnt net/m);
      const [, debugging] = /pod (node-debugger-\S+) with/.exec(looked) ?? [];
      assert.ok(debugging !== undefined, looked);
      const removed = await run(program, ["delete", "pod", debugging, "--grace-period=0", "--force"]);
      assert.equal(removed.exitCode, 0, removed.stderr);
    });
  }

  /** Says something to a program that goes on until it is answered; resolves to all it printed. */
  async function converse(program: string, args: readonly string[], input: string): Promise<string> {
    const child = spawn(program, args, { env, stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
    let said = "";
    for (const output of [child.stdout, child.stderr]) output.on("data", (chunk) => (said += String(chunk)));
    // A runtime lets go of who closes the input.
    child.stdin.write(input);
    await new Promise((resolve) => child.on("close", resolve));
    return said;
  }
});
