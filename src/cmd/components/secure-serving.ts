import { readFile } from "node:fs/promises";

import type { Logger } from "../../component-base/logger.ts";
import { SystemClock } from "../../component-base/clock.ts";
import { UsageError } from "../arguments.ts";
import { serveComponentHealth } from "../component-health.ts";
import type { FlagsOf } from "../flags.ts";

/** Where a component tells how it is. */
export const secureServingFlags = {
  "bind-address": "string",
  "secure-port": "int",
  "tls-cert-file": "string",
  "tls-private-key-file": "string",
} as const;

/** Serves the component's health as its flags say; port 0 is nowhere. */
export async function secureServing(
  options: { readonly name: string; readonly port: number; readonly logger: Logger },
  flags: FlagsOf<typeof secureServingFlags>,
): Promise<AsyncDisposable | undefined> {
  const { "tls-cert-file": certFile, "tls-private-key-file": keyFile } = flags;
  const port = flags["secure-port"] ?? options.port;
  if (port === 0) return undefined;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw new UsageError("--tls-cert-file and --tls-private-key-file are needed together");
  const certificate =
    certFile === undefined || keyFile === undefined
      ? {}
      : { certificate: { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") } };
  const host = flags["bind-address"] ?? "0.0.0.0";
  return serveComponentHealth({ ...options, ...certificate, host, port, nowMs: new SystemClock().now() });
}
