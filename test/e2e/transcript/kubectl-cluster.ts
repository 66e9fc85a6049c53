import { spawnSync } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import * as path from "node:path";

import { exec, type ExecResult } from "../../../src/node/exec.ts";
import { startLoopbackCluster } from "../../support/loopback-cluster.ts";

/** A cluster with simulated nodes behind a loopback port, and a directory in which shell commands see it as `kubectl`. */
export interface KubectlCluster extends AsyncDisposable {
  /** Runs a shell command with standard error joined to standard output. */
  shell(command: string): Promise<ExecResult>;
}

/** The kubectl programs of this machine: the one on the PATH, and versions that lie beside it as `kubectl.1.33`; newest first. */
export function kubectlPrograms(): readonly string[] {
  for (const directory of (process.env["PATH"] ?? "").split(":")) {
    let program: string;
    try {
      program = realpathSync(path.join(directory, "kubectl"));
    } catch {
      continue;
    }
    const beside = path.dirname(program);
    const minor = (name: string): number => Number(/^kubectl\.1\.(\d+)$/.exec(name)?.[1] ?? -1);
    const versions = readdirSync(beside)
      .filter((name) => minor(name) >= 0)
      .sort((a, b) => minor(b) - minor(a));
    return versions.length > 0 ? versions.map((name) => path.join(beside, name)) : [program];
  }
  return [];
}

/** For example `v1.33.1`; empty when the program does not say. */
export function kubectlVersion(program: string): string {
  const { stdout } = spawnSync(program, ["version", "--client"], { encoding: "utf8", env: { HOME: "/nonexistent" } });
  return /Client Version: .*?(v\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? "";
}

export async function startKubectlCluster(kubectl: string): Promise<KubectlCluster> {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(path.join(tmpdir(), "k8ts-transcript-"));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const cluster = stack.use(await startLoopbackCluster());
  await mkdir(path.join(directory, "bin"));
  await mkdir(path.join(directory, "work"));
  await symlink(kubectl, path.join(directory, "bin", "kubectl"));
  await writeFile(path.join(directory, "kubeconfig"), cluster.kubeconfig);
  const env = {
    PATH: `${directory}/bin:${process.env["PATH"] ?? "/usr/bin:/bin"}`,
    HOME: directory,
    KUBECONFIG: `${directory}/kubeconfig`,
    TZ: "UTC",
    LC_ALL: "C.UTF-8",
  };
  const owned = stack.move();
  return {
    shell: (command) => exec("bash", ["-c", `cd "$HOME/work"; exec 2>&1; ${command}`], { env, timeoutMs: 60_000 }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
