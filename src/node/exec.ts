import { spawn } from "node:child_process";

export interface ExecResult {
  /** -1 when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** SIGKILL after this long; 30 s unless given. */
  readonly timeoutMs?: number;
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** The working directory; this process's own unless given. */
  readonly cwd?: string;
  /** Replaces the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** The command could not be run, took too long, or (from `execChecked`) did not exit with 0. */
export class ExecError extends Error {
  override readonly name = "ExecError";
  /** `ENOENT` when there is no such program. */
  readonly code: string;
  readonly stderr: string;

  constructor(code: string, message: string, stderr = "", options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.stderr = stderr;
  }
}

const defaultTimeoutMs = 30_000;
// Enough for any tool the node runs; a runaway writer is killed.
const outputBytesMax = 64 << 20;

/** Runs a program without a shell and captures its output. Resolves whatever its exit code is. */
export function exec(file: string, args: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
  const { timeoutMs = defaultTimeoutMs, input, signal, env, cwd } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ["pipe", "pipe", "pipe"],
      signal,
      killSignal: "SIGKILL",
      ...(env ? { env } : {}),
      ...(cwd === undefined ? {} : { cwd }),
    });
    const failed = (code: string, cause?: unknown): void => {
      clearTimeout(timer);
      reject(new ExecError(code, `${commandText(file, args)}: ${code}`, text(stderr), { cause }));
    };
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let size = 0;
    let killedFor: string | undefined;
    const kill = (reason: string): void => {
      killedFor ??= reason;
      child.kill("SIGKILL");
    };
    const timer = setTimeout(() => kill("ETIMEDOUT"), timeoutMs);
    const collect = (into: Buffer[]) => (chunk: Buffer) => {
      size += chunk.length;
      if (size > outputBytesMax) kill("EMSGSIZE");
      else into.push(chunk);
    };
    child.stdout.on("data", collect(stdout));
    child.stderr.on("data", collect(stderr));
    child.on("error", (error: NodeJS.ErrnoException) => failed(error.code ?? error.name, error));
    child.on("close", (exitCode) => {
      clearTimeout(timer);
      if (killedFor !== undefined) failed(killedFor);
      else resolve({ exitCode: exitCode ?? -1, stdout: text(stdout), stderr: text(stderr) });
    });
    // A program that ends without reading its input is judged by its exit code.
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}

/** As `exec`, but rejects with ExecError unless the exit code is 0. Resolves to what it printed. */
export async function execChecked(file: string, args: readonly string[], options: ExecOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await exec(file, args, options);
  if (exitCode !== 0) {
    const why = stderr.trim() || stdout.trim() || "no output";
    throw new ExecError(`EXIT${exitCode}`, `${commandText(file, args)}: exit code ${exitCode}: ${why}`, stderr);
  }
  return stdout;
}

function commandText(file: string, args: readonly string[]): string {
  return [file, ...args].join(" ");
}

function text(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString("utf8");
}
