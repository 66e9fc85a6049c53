import { spawn, type ChildProcessByStdio } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";

import { ExecError } from "./exec.ts";

type Shell = ChildProcessByStdio<Writable, Readable, null>;

interface Answer {
  readonly exitCode: number;
  readonly output: string;
}

const timeoutMs = 30_000;
// Pods come in groups; a node at rest needs no shell.
const idleMs = 5_000;

/**
 * Runs programs, one after another, from a shell that stays for a while. To start one from here the kernel copies what it
 * keeps of this process's memory, while its only thread waits: 3 ms of CPU where the shell takes 0.2. The shell ends when
 * this process does, in whatever way.
 */
export class CommandShell {
  #shell: Shell | undefined;
  #idle: NodeJS.Timeout | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Rejects with ExecError, as `execChecked` does, unless the program exits with 0 within 30 s. */
  async run(file: string, args: readonly string[]): Promise<void> {
    const words = [file, ...args];
    const answer = this.#last.then(() => this.#ask(words.map(quoted).join(" ")));
    this.#last = answer.catch(() => {});
    const { exitCode, output } = await answer;
    if (exitCode === 0) return;
    const why = output.trim() || "no output";
    throw new ExecError(`EXIT${exitCode}`, `${words.join(" ")}: exit code ${exitCode}: ${why}`, output);
  }

  #ask(command: string): Promise<Answer> {
    clearTimeout(this.#idle);
    const shell = (this.#shell ??= this.#start());
    hold(shell, true);
    const mark = randomUUID();
    return new Promise<Answer>((resolve, reject) => {
      let output = "";
      const settle = (): void => {
        clearTimeout(timer);
        shell.stdout.off("data", onData);
        shell.off("error", onError);
        shell.off("close", onClose);
        hold(shell, false);
        this.#idle = setTimeout(() => this.#end(), idleMs).unref();
      };
      const fail = (code: string, cause?: unknown): void => {
        settle();
        this.#shell = undefined;
        reject(new ExecError(code, `${command}: ${code}`, output, { cause }));
      };
      const onData = (text: string): void => {
        output += text;
        const end = output.lastIndexOf(`\n${mark} `);
        if (end < 0 || !output.endsWith("\n")) return;
        settle();
        resolve({ exitCode: Number(output.slice(end + mark.length + 2)), output: output.slice(0, end) });
      };
      const onError = (error: NodeJS.ErrnoException): void => fail(error.code ?? error.name, error);
      const onClose = (): void => fail("ECHILD");
      const timer = setTimeout(() => {
        // Its group: the program is what does not end.
        if (shell.pid !== undefined) process.kill(-shell.pid, "SIGKILL");
        fail("ETIMEDOUT");
      }, timeoutMs);
      shell.stdout.on("data", onData);
      shell.on("error", onError);
      shell.on("close", onClose);
      shell.stdin.write(`${command} </dev/null 2>&1; printf '\\n%s %d\\n' ${mark} $?\n`);
    });
  }

  #start(): Shell {
    const shell = spawn("sh", [], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    shell.stdout.setEncoding("utf8");
    // What was asked of a shell that has gone is told by its end.
    shell.stdin.on("error", () => {});
    shell.on("close", () => {
      if (this.#shell === shell) this.#shell = undefined;
    });
    return shell;
  }

  #end(): void {
    this.#shell?.stdin.end();
    this.#shell = undefined;
  }
}

/** Whether this process waits for the shell, or may end before it. */
function hold(shell: Shell, isHeld: boolean): void {
  // Both ends are sockets, which the types do not tell.
  for (const handle of [shell, shell.stdin, shell.stdout] as { ref?: () => void; unref?: () => void }[]) {
    if (isHeld) handle.ref?.();
    else handle.unref?.();
  }
}

/** One word to the shell, whatever is in it. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
