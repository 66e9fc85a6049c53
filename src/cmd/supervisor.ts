import { spawn, type ChildProcess } from "node:child_process";
import { openSync, closeSync } from "node:fs";

import { backoffDelay } from "../component-base/backoff.ts";
import { errorText } from "../component-base/logger.ts";
import { enterArguments, nodeNamespaces } from "../node/node-namespaces.ts";
import type { ClusterDirectory, ClusterNode, ClusterState } from "./cluster-directory.ts";
import { writeIdentities } from "./prepare-cluster.ts";
import { removeProcessFile, writeProcessFile } from "./process-file.ts";

// A start costs a second of CPU: one that always fails takes a third of a core, and one that was killed is soon back.
const restartBackoff = { initialMs: 100, maxMs: 2_000 };
// A component that ran this long before it ended starts over with the shortest delay.
const stableAfterMs = 30_000;
const stopGraceMs = 10_000;
// They are renewed when a third of a year is left: months before anybody notices that it did not work.
const renewalPeriodMs = 12 * 3_600_000;
// Of what 100 pods leave behind when they have started, V8 keeps 100 MB for the next such time unless told otherwise.
const nodeFlags = ["--max-semi-space-size=4"];

/** One process of a cluster: `apiserver`, `control`, `node` for the first node (or all simulated ones), `node-2` … */
export interface SupervisedComponent {
  readonly name: string;
  /** The node whose namespaces it runs in; the machine's own unless given. */
  readonly enters?: ClusterNode;
}

/** The processes of a cluster in starting order; they are stopped the other way round. */
export function supervisedComponents(state: ClusterState): readonly SupervisedComponent[] {
  if (state.joined) return [{ name: "node" }];
  const others = state.runtime === "containerd" ? state.nodes.slice(1) : [];
  return [
    { name: "apiserver" },
    { name: "control" },
    { name: "node" },
    ...others.map((node, i) => ({ name: `node-${i + 2}`, enters: node })),
  ];
}

/** The node that a component named as by `supervisedComponents` runs. */
export function nodeOfComponent(state: ClusterState, component: string): ClusterNode | undefined {
  if (component === "node") return state.nodes[0];
  return supervisedComponents(state).find(({ name }) => name === component)?.enters;
}

/**
 * Runs the processes of a cluster and starts each again when it ends. They hold the other end of a pipe: when this
 * process dies, however it dies, they notice and end themselves, so that there are never two of a kind.
 */
export async function supervise(directory: ClusterDirectory): Promise<void> {
  await writeProcessFile(directory.processFile("supervisor"), process.pid);
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
  const state = await directory.readState();
  if (!state) throw new Error(`there is no cluster in ${directory.root}`);
  const running = supervisedComponents(state).map((component) => new SupervisedProcess(directory, state, component));
  for (const child of running) child.start();
  const renewal = state.joined ? undefined : setInterval(() => void renew(directory, state), renewalPeriodMs);
  await new Promise<void>((resolve) => {
    // A pending promise alone does not keep Node running.
    const keepAlive = setInterval(() => {}, 1 << 30);
    stopping.signal.addEventListener(
      "abort",
      () => {
        clearInterval(keepAlive);
        resolve();
      },
      { once: true },
    );
  });
  clearInterval(renewal);
  for (const child of running.toReversed()) await child.stop();
  await removeProcessFile(directory.processFile("supervisor"));
}

/** The processes take renewed certificates from their files. */
async function renew(directory: ClusterDirectory, state: ClusterState): Promise<void> {
  try {
    await writeIdentities(directory, state);
  } catch (error) {
    process.stderr.write(`${new Date().toISOString()} cannot renew certificates: ${errorText(error)}\n`);
  }
}

class SupervisedProcess {
  readonly #directory: ClusterDirectory;
  readonly #component: string;
  readonly #command: readonly string[];
  #child: ChildProcess | undefined;
  #failures = 0;
  #isStopping = false;
  #restart: NodeJS.Timeout | undefined;

  constructor(directory: ClusterDirectory, state: ClusterState, { name, enters }: SupervisedComponent) {
    this.#directory = directory;
    this.#component = name;
    const flags = state.runtime === "containerd" && nodeOfComponent(state, name) ? nodeFlags : [];
    const command = [process.execPath, ...flags, process.argv[1] ?? "", "run", name, "--data-dir", directory.root];
    this.#command = enters
      ? ["nsenter", ...enterArguments(nodeNamespaces(directory.nodeDirectory(state, enters).namespaces), command)]
      : command;
  }

  start(): void {
    const log = openSync(this.#directory.logFile(this.#component), "a", 0o600);
    const [program = "", ...args] = this.#command;
    const child = spawn(program, args, {
      // The child reads end-of-file on its standard input when this process is gone.
      stdio: ["pipe", log, log],
    });
    closeSync(log);
    this.#child = child;
    const startedAt = performance.now();
    // A failed spawn also emits exit-less error; both lead to a restart, once.
    let ended = false;
    const onEnd = (why: string): void => {
      if (ended) return;
      ended = true;
      this.#child = undefined;
      if (this.#isStopping) return;
      this.#failures = performance.now() - startedAt > stableAfterMs ? 1 : this.#failures + 1;
      const delayMs = backoffDelay(restartBackoff, this.#failures);
      process.stderr.write(`${new Date().toISOString()} ${this.#component} ended (${why}), again in ${delayMs} ms\n`);
      this.#restart = setTimeout(() => this.start(), delayMs);
    };
    child.on("error", (error) => onEnd(errorText(error)));
    child.on("exit", (code, signal) => onEnd(signal ?? `exit code ${code}`));
    // EPIPE when the child closes its end first.
    child.stdin?.on("error", () => {});
    if (child.pid !== undefined) {
      writeProcessFile(this.#directory.processFile(this.#component), child.pid).catch((error: unknown) => {
        process.stderr.write(`cannot record the process of ${this.#component}: ${errorText(error)}\n`);
      });
    }
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child) {
      const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopGraceMs);
      await ended;
      clearTimeout(timer);
    }
    await removeProcessFile(this.#directory.processFile(this.#component));
  }
}
