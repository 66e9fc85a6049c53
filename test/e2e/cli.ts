import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";

import { buildBusyboxImage, buildNodeImage } from "../../src/node/images/built-in-images.ts";
import { layoutTar, type OciImage } from "../../src/node/images/oci-image.ts";
import { exec, execChecked, type ExecOptions, type ExecResult } from "../../src/node/exec.ts";
import type { World } from "./world.ts";

const sourceCommand = `${import.meta.dirname}/../../src/cmd/main.ts`;
const commandTimeoutMs = 120_000;

/** A cluster in a world, driven as a user does: by the `k8ts` and `kubectl` programs. */
export class CliCluster {
  readonly dataDir: string;
  readonly #environment: Readonly<Record<string, string>>;
  readonly #cgroupRoot: string;
  readonly #command: string;

  /** `command` is the file of the `k8ts` program: the source, unless a bundle is given. */
  constructor(world: World, name = "k8ts", command = sourceCommand) {
    this.#command = command;
    this.dataDir = `${world.directory}/${name}`;
    this.#cgroupRoot = `${world.cgroupRoot}/${name}`;
    this.#environment = {
      PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin",
      HOME: world.directory,
      KUBECONFIG: `${this.dataDir}/kubeconfig`,
    };
  }

  up(...options: readonly string[]): Promise<string> {
    const fixed = ["--merge-kubeconfig=false", "--cgroup-root", this.#cgroupRoot];
    return this.k8ts("up", ...fixed, ...options);
  }

  /** Resolves to what it printed; rejects unless it exits with 0. */
  k8ts(name: string, ...args: readonly string[]): Promise<string> {
    return execChecked(process.execPath, [this.#command, name, "--data-dir", this.dataDir, ...args], this.#options());
  }

  kubectl(...args: readonly string[]): Promise<string> {
    return execChecked("kubectl", args, this.#options());
  }

  /** For what is expected to fail, or to read from standard input. */
  tryKubectl(args: readonly string[], input?: string): Promise<ExecResult> {
    return exec("kubectl", args, { ...this.#options(), ...(input === undefined ? {} : { input }) });
  }

  async json<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(...args, "-o", "json")) as T;
  }

  /** Runs a manifest through `kubectl apply`. */
  async apply(manifest: string): Promise<string> {
    const result = await this.tryKubectl(["apply", "-f", "-"], manifest);
    if (result.exitCode !== 0) throw new Error(`kubectl apply: ${result.stderr}`);
    return result.stdout;
  }

  /** A kubectl that goes on running (logs -f, get -w); ends with the test by `stop`. */
  follow(...args: readonly string[]): { readonly lines: string[]; stop(): Promise<void> } {
    const child = spawn("kubectl", args, { env: this.#environment, stdio: ["ignore", "pipe", "inherit"] });
    const lines: string[] = [];
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      lines.push(...parts);
    });
    const ended = new Promise<void>((resolve) => child.on("close", () => resolve()));
    return {
      lines,
      stop: async () => {
        child.kill();
        await ended;
      },
    };
  }

  /** Builds an image of this machine's busybox and loads it, under each of the names. */
  async loadBusybox(...names: readonly string[]): Promise<void> {
    for (const name of names) await this.#load(await buildBusyboxImage(name));
  }

  /** The image of the Node program with a shell. */
  async loadNode(name: string): Promise<void> {
    await this.#load(await buildNodeImage(name, {}, { busybox: "/bin/busybox" }));
  }

  async #load(image: OciImage): Promise<void> {
    const file = `${this.dataDir}/image.tar`;
    await writeFile(file, layoutTar([image]));
    await this.k8ts("image", "load", file);
  }

  #options(): ExecOptions {
    return { env: this.#environment, timeoutMs: commandTimeoutMs };
  }
}
