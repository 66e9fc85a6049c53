import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import * as path from "node:path";

import { parseCommandLine, UsageError } from "./arguments.ts";
import { parseFlags } from "./flags.ts";

/** What envtest looks for in its directory of binaries and starts: `etcd`, then `kube-apiserver`. */
const binaries = ["etcd", "kube-apiserver"] as const;

/**
 * `k8ts envtest DIR`: makes DIR a value of `KUBEBUILDER_ASSETS`, so that test suites of controllers in Go run against this
 * API server. As it keeps its store itself, `etcd` there answers that it is healthy and stores nothing.
 */
export async function envtest(args: readonly string[]): Promise<void> {
  const [first, ...rest] = args;
  if (first === "run") return runBinary(rest);
  const { positionals } = parseCommandLine(args, {}, ["directory"]);
  const [given] = positionals;
  if (given === undefined) throw new UsageError("k8ts envtest DIR");
  const directory = path.resolve(given);
  await mkdir(directory, { recursive: true });
  const self = [process.execPath, process.argv[1] ?? ""].map(shellQuoted).join(" ");
  for (const name of binaries) {
    const file = path.join(directory, name);
    await writeFile(file, `#!/bin/sh\nexec ${self} envtest run ${name} "$@"\n`);
    await chmod(file, 0o755);
  }
  process.stdout.write(`export KUBEBUILDER_ASSETS=${shellQuoted(directory)}\n`);
}

async function runBinary([name, ...args]: readonly string[]): Promise<void> {
  if (name === "etcd") return runEtcd(args);
  if (name !== "kube-apiserver") throw new UsageError(`k8ts envtest run ${binaries.join(" | ")}`);
  const { kubeApiServer } = await import("./components/kube-apiserver.ts");
  // envtest asks which flags there are before it knows where things are.
  if (args.includes("--help")) return kubeApiServer(args);
  const certDir = args.find((arg) => arg.startsWith("--cert-dir="))?.slice("--cert-dir=".length);
  if (certDir === undefined) throw new UsageError('required flag(s) "cert-dir" not set');
  // The directory is removed with the test's server, and the store with it.
  const own = args.filter((arg) => !arg.startsWith("--etcd-servers="));
  return kubeApiServer([...own, `--data-dir=${path.join(certDir, "k8ts")}`]);
}

const etcdFlags = {
  "advertise-client-urls": "ignored",
  "data-dir": "ignored",
  "listen-client-urls": "string",
  "listen-peer-urls": "ignored",
  "unsafe-no-fsync": "bool",
} as const;

async function runEtcd(args: readonly string[]): Promise<void> {
  const url = new URL(parseFlags(etcdFlags, args)["listen-client-urls"]?.split(",")[0] ?? "http://127.0.0.1:2379");
  const server = createServer((request, response) => {
    const isHealth = request.url === "/health";
    response.writeHead(isHealth ? 200 : 404, { "content-type": "application/json" });
    response.end(isHealth ? '{"health":"true","reason":""}' : "{}");
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.on("close", resolve);
    for (const signal of ["SIGTERM", "SIGINT"]) {
      process.once(signal, () => {
        server.close();
        server.closeAllConnections();
      });
    }
    server.listen(Number(url.port), url.hostname);
  });
}

function shellQuoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
