import { createLogger, errorText, formatLogRecord, type Logger } from "../component-base/logger.ts";
import { UsageError } from "./arguments.ts";

/**
 * The frame of a component's process: aborts the signal on SIGTERM, SIGINT or when the supervisor is gone, waits until the
 * component has drained, and lets the process end by itself.
 */
export async function runComponent(
  name: string,
  body: (signal: AbortSignal, logger: Logger) => Promise<void>,
): Promise<void> {
  const logger = createLogger(
    (record) => process.stdout.write(`${new Date().toISOString()} ${formatLogRecord(record)}\n`),
    process.env["K8TS_LOG_LEVEL"] === "debug" ? "debug" : "info",
    { component: name },
  );
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stopping.abort());
  if (process.env["K8TS_SUPERVISED"] !== "false") {
    process.stdin.on("end", () => stopping.abort());
    process.stdin.on("error", () => stopping.abort());
    process.stdin.resume();
  }
  process.on("unhandledRejection", (error) => {
    logger.error("unhandled rejection; ending", {
      error: errorText(error),
      stack: error instanceof Error ? error.stack : "",
    });
    process.exitCode = 1;
    stopping.abort();
  });
  try {
    await body(stopping.signal, logger);
  } catch (error) {
    // Whoever started it is told on standard error, not by the log.
    if (error instanceof UsageError) throw error;
    logger.error("component failed", { error: errorText(error), stack: error instanceof Error ? error.stack : "" });
    process.exitCode = 1;
  } finally {
    process.stdin.destroy();
    // Something may still hold the loop; the supervisor's kill timeout is the backstop, this one is quicker and says so.
    setTimeout(() => {
      logger.warn("still running after drain; killing this process");
      process.kill(process.pid, "SIGKILL");
    }, 3_000).unref();
  }
}
