import { spawn } from "node:child_process";
import { chmod, mkdir, open, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import * as net from "node:net";

import { backoffDelay } from "../../component-base/backoff.ts";
import { sleep, type Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import { isCriError } from "../../cri-api/runtime/v1/cri-error.ts";
import { CriConnection } from "../cri-client/cri-connection.ts";
import { CriRuntimeService } from "../cri-client/cri-client.ts";
import { ownCapabilities } from "../capabilities.ts";
import { endProcesses } from "../processes.ts";
import { containerdConfigText, type ContainerdConfig } from "./containerd-config.ts";
import { pidFromFile, type ProcessIdentity, runningCommandLine, runningProcess } from "./process-file.ts";

export interface ContainerdOptions {
  /** Everything of this containerd lives below it. */
  readonly directory: string;
  readonly cniBinDirectory: string;
  readonly cniConfigDirectory: string;
  /** Defaults to `containerd` from the path. */
  readonly binary?: string;
  readonly runcBinary?: string;
  readonly disableCgroup?: boolean;
  /** A network namespace's file to run in; this process's own unless given. */
  readonly netns?: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where a containerd keeps what others look for. */
export interface ContainerdPaths {
  readonly socket: string;
  readonly config: string;
  readonly pid: string;
  readonly log: string;
  readonly registries: string;
}

export function containerdPaths(directory: string): ContainerdPaths {
  return {
    socket: `${directory}/containerd.sock`,
    config: `${directory}/config.toml`,
    pid: `${directory}/containerd.pid`,
    log: `${directory}/containerd.log`,
    registries: `${directory}/certs.d`,
  };
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;
const probeTimeoutMs = 2_000;
const logBytesMax = 16 << 20;
// A start takes 70 ms; looking more often than this gains nothing.
const startPollMs = 5;
const superviseIntervalMs = 1_000;
const overlayMagic = 0x794c7630;
const restartBackoff = { initialMs: 200, maxMs: 30_000 };

/**
 * A containerd of our own, sharing nothing with the machine's. It is a detached process: it and the pods outlive us,
 * and the next `start` finds it by its pid file and goes on with it.
 */
export class ContainerdProcess {
  readonly paths: ContainerdPaths;
  readonly #options: ContainerdOptions;

  constructor(options: ContainerdOptions) {
    this.#options = options;
    this.paths = containerdPaths(options.directory);
  }

  /** Resolves to its pid once CRI answers. Goes on with the one that runs; a changed configuration restarts it. */
  async start(): Promise<{ readonly pid: number; readonly isNew: boolean }> {
    const { logger } = this.#options;
    const isConfigNew = await this.#writeConfig();
    const running = await this.pid();
    if (running !== undefined && !isConfigNew && (await this.#probe()) === "ready") {
      logger.debug("Found the container runtime running", { pid: running });
      return { pid: running, isNew: false };
    }
    if (running !== undefined) await this.stop();
    const pid = await this.#spawn();
    await this.#awaitReady(pid);
    logger.info("Started the container runtime", { pid, socket: this.paths.socket });
    return { pid, isNew: true };
  }

  /** Undefined when it does not run. */
  pid(): Promise<number | undefined> {
    return pidFromFile(this.paths.pid, this.paths.config);
  }

  /** Starts it again, with back-off, whenever it has ended, until the signal aborts. Pods survive that. */
  async supervise(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let failures = 0;
    let known: ProcessIdentity | undefined;
    while (!signal.aborted) {
      await sleep(clock, superviseIntervalMs + (failures > 0 ? backoffDelay(restartBackoff, failures) : 0), signal);
      // Once found, the kernel tells whether it is still the same; only another one has to be looked for.
      if (known && runningProcess(known.pid)?.startTicks === known.startTicks) continue;
      const pid = await this.pid();
      known = pid === undefined ? undefined : runningProcess(pid);
      if (known) {
        failures = 0;
        continue;
      }
      failures++;
      logger.warn("The container runtime has ended, starting it again", { failures });
      try {
        await this.start();
      } catch (error) {
        logger.error("The container runtime does not start", { error, log: this.paths.log });
      }
    }
  }

  /** Ends containerd, not the pods. Not running is fine. */
  async stop(): Promise<void> {
    const pid = await this.pid();
    if (pid !== undefined) await endProcesses([pid], stopTimeoutMs, this.#options.clock);
    await rm(this.paths.pid, { force: true });
  }

  /** True when the text differs from what is there, which a running containerd has read. */
  async #writeConfig(): Promise<boolean> {
    const { directory } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o711 });
    await mkdir(this.paths.registries, { recursive: true });
    await mkdir(this.#options.cniConfigDirectory, { recursive: true });
    const config: ContainerdConfig = {
      directory,
      socketPath: this.paths.socket,
      cniBinDirectory: this.#options.cniBinDirectory,
      cniConfigDirectory: this.#options.cniConfigDirectory,
      registryConfigDirectory: this.paths.registries,
      snapshotter: (await isOnOverlay(directory)) ? "native" : "overlayfs",
      restrictOomScoreAdj: !(await ownCapabilities()).has("sysResource"),
      ...(this.#options.disableCgroup === undefined ? {} : { disableCgroup: this.#options.disableCgroup }),
      ...(this.#options.runcBinary === undefined ? {} : { runcBinary: this.#options.runcBinary }),
    };
    const text = containerdConfigText(config);
    if ((await readText(this.paths.config)) === text) return false;
    await writeFile(`${this.paths.config}.tmp`, text, { mode: 0o600 });
    await rename(`${this.paths.config}.tmp`, this.paths.config);
    return true;
  }

  async #spawn(): Promise<number> {
    const { binary = "containerd", netns } = this.#options;
    // The socket of one that was killed would look ready at once.
    await rm(this.paths.socket, { force: true });
    await rotateLog(this.paths.log);
    const log = await open(this.paths.log, "a", 0o600);
    try {
      const command = [binary, "--config", this.paths.config, "--log-level", "info"];
      // nsenter, not "ip netns exec": that one makes a mount namespace, and containerd must see the kubelet's mounts.
      const full = netns === undefined ? command : ["nsenter", `--net=${netns}`, "--", ...command];
      const [file = "", ...args] = full;
      const child = spawn(file, args, { stdio: ["ignore", log.fd, log.fd], detached: true, cwd: "/" });
      await new Promise<void>((resolve, reject) => {
        child.once("spawn", resolve);
        child.once("error", (error) => reject(new Error(`cannot start ${file}`, { cause: error })));
      });
      child.unref();
      const pid = child.pid ?? 0;
      await writeFile(this.paths.pid, `${pid}\n`, { mode: 0o600 });
      return pid;
    } finally {
      await log.close();
    }
  }

  async #awaitReady(pid: number): Promise<void> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + startTimeoutMs;
    const isAlive = async (): Promise<boolean> => (await runningCommandLine(pid)) !== undefined;
    while (!(await isListening(this.paths.socket))) {
      if (!(await isAlive()) || clock.monotonic() > deadline) throw await this.#startError("did not open its socket");
      await sleep(clock, startPollMs);
    }
    for (let state = await this.#probe(); state !== "ready"; state = await this.#probe()) {
      if (state === "broken") throw await this.#startError("runs without its CRI plugin");
      if (!(await isAlive()) || clock.monotonic() > deadline) throw await this.#startError("does not answer");
      await sleep(clock, startPollMs);
    }
    await chmod(this.paths.socket, 0o600);
  }

  /** One try. A containerd whose CRI plugin failed to load listens too, but refuses every call. */
  async #probe(): Promise<"ready" | "notYet" | "broken"> {
    await using connection = new CriConnection(this.paths.socket);
    try {
      await new CriRuntimeService(connection).version({ signal: AbortSignal.timeout(probeTimeoutMs) });
      return "ready";
    } catch (error) {
      return isCriError(error, "unimplemented") ? "broken" : "notYet";
    }
  }

  async #startError(what: string): Promise<Error> {
    const lines = (await readText(this.paths.log))?.trimEnd().split("\n") ?? [];
    const why = lines.filter((l) => /level=(error|fatal)|^containerd: /.test(l)).slice(-3);
    return new Error(`containerd ${what}; see ${this.paths.log}\n${why.join("\n")}`.trimEnd());
  }
}

/** Inside a container the disk may be an overlay, which the kernel does not take as the upper layer of another one. */
async function isOnOverlay(directory: string): Promise<boolean> {
  return (await statfs(directory)).type === overlayMagic;
}

function isListening(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(socketPath);
    const answer = (isOpen: boolean) => () => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.once("connect", answer(true));
    socket.once("error", answer(false));
  });
}

/** One old log is kept, so that two of this size are the most there is of it before the next start. */
async function rotateLog(path: string): Promise<void> {
  const size = await stat(path).then(
    (s) => s.size,
    () => 0,
  );
  if (size > logBytesMax) await rename(path, `${path}.1`);
}

async function readText(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, "r");
    return await file.readFile("utf8");
  } catch {
    // Absent: nothing was written yet.
    return undefined;
  }
}
