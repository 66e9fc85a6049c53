import type { ContainerConfig, Labels } from "../runtime/v1/types.ts";

/** What a fake container's process does. */
export interface ContainerScript {
  /** How long it takes to start; a start that is called off meanwhile fails, and the container with it. */
  readonly startAfterMs?: number;
  /** Lines written to its log when it starts. */
  readonly output?: readonly string[];
  /** Ends by itself after so long; absent runs until it is stopped. */
  readonly exitAfterMs?: number;
  /** The code it ends with by itself; 0 unless given. */
  readonly exitCode?: number;
  /** Reason to report instead of `Completed` or `Error`, e.g. `OOMKilled`. */
  readonly reason?: string;
  /** On SIGTERM: the code it exits with, or that it goes on until SIGKILL. 0 unless given. */
  readonly onTerminate?: number | "ignore";
  /** The process cannot be made: StartContainer fails with this message. */
  readonly startError?: string;
  /** What it leaves in its termination message file. */
  readonly terminationMessage?: string;
}

/** Pod annotations a manifest can steer simulated containers with. */
export const exitAfterAnnotation = "simulation.k8ts.dev/exit-after-seconds";
export const exitCodeAnnotation = "simulation.k8ts.dev/exit-code";
export const exitReasonAnnotation = "simulation.k8ts.dev/exit-reason";

/**
 * The script a command line suggests, so that ordinary manifests behave plausibly without a runtime: a shell without a
 * terminal ends at once, `sleep 5; exit 3` does so, `echo` writes to the log, everything else runs until stopped.
 */
export function scriptFromCommand(config: ContainerConfig, podAnnotations: Labels): ContainerScript {
  const exitAfter = podAnnotations[exitAfterAnnotation];
  const exitCode = podAnnotations[exitCodeAnnotation];
  if (exitAfter !== undefined || exitCode !== undefined) {
    const reason = podAnnotations[exitReasonAnnotation];
    return {
      exitAfterMs: Number(exitAfter ?? 0) * 1000,
      exitCode: Number(exitCode ?? 0),
      ...(reason === undefined ? {} : { reason }),
    };
  }
  const argv = [...config.command, ...config.args];
  if (argv.length === 0)
    return isShellImage(config.image.userSpecifiedImage ?? config.image.image) ? shellWithoutInput(config) : {};
  return scriptFromArguments(argv);
}

/** What a command line suggests, as above. */
export function scriptFromArguments(argv: readonly string[]): ContainerScript {
  if (argv.length >= 3 && /(^|\/)(sh|bash|ash)$/.test(argv[0] ?? "") && argv[1]?.endsWith("c")) {
    return scriptFromShell(argv[2] ?? "");
  }
  return scriptFromShell(argv.join(" "));
}

// Images whose default command is a shell: without input it reads end-of-file and exits.
function isShellImage(image: string): boolean {
  const name = image.slice(image.lastIndexOf("/") + 1);
  return /^(busybox|alpine|debian|ubuntu)(:|@|$)/.test(name);
}

function shellWithoutInput(config: ContainerConfig): ContainerScript {
  return config.stdin ? {} : { exitAfterMs: 0, exitCode: 0 };
}

function scriptFromShell(text: string): ContainerScript {
  const output: string[] = [];
  let elapsedMs = 0;
  for (const statement of text.split(/;|&&|\n/)) {
    const words = statement.trim().split(/\s+/);
    const argument = words
      .slice(1)
      .join(" ")
      .replaceAll(/^['"]|['"]$/g, "");
    switch (words[0]) {
      case "":
        break;
      case "echo":
        output.push(argument);
        break;
      case "true":
      case ":":
        break;
      case "false":
        return { output, exitAfterMs: elapsedMs, exitCode: 1 };
      case "sleep":
        if (!Number.isFinite(Number(argument))) return { output };
        elapsedMs += Number(argument) * 1000;
        break;
      case "exit":
        return { output, exitAfterMs: elapsedMs, exitCode: Number(argument || 0) };
      default:
        // An unknown program: a server, which stays.
        return { output };
    }
  }
  return { output, exitAfterMs: elapsedMs, exitCode: 0 };
}
