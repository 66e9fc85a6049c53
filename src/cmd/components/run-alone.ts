import { readFile } from "node:fs/promises";
import * as path from "node:path";

import { resolveContext } from "../../client/clientcmd/kubeconfig.ts";
import { parseKubeconfig } from "../../client/clientcmd/kubeconfig-file.ts";
import type { ComponentEnvironment } from "../../cluster/component-environment.ts";
import type { ComponentIdentity } from "../../cluster/identities.ts";
import { SystemClock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import { MetricRegistry } from "../../component-base/metrics.ts";
import { SystemRandom } from "../../component-base/random.ts";
import { HttpsTransport, type HttpsTransportOptions } from "../../node/https-transport.ts";
import { TaskGroup } from "../../component-base/task-group.ts";
import { ReloadingPair } from "../../node/pki/reloading-pair.ts";
import { UsageError } from "../arguments.ts";
import { flagsHelp, parseFlags, type FlagsOf, type FlagTable } from "../flags.ts";
import { runComponent } from "../run-component.ts";

/** The flags every component has. */
export const commonFlags = {
  kubeconfig: "string",
  v: "ignored",
  "feature-gates": "ignored",
  profiling: "ignored",
  "authentication-kubeconfig": "ignored",
  "authorization-kubeconfig": "ignored",
} as const satisfies FlagTable;

/** Reads the flags and runs the component in the foreground, without a supervisor, until SIGTERM or SIGINT. */
export async function runAlone<T extends FlagTable>(
  name: string,
  table: T,
  args: readonly string[],
  body: (flags: FlagsOf<T>, signal: AbortSignal, logger: Logger) => Promise<void>,
): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    process.stdout.write(flagsHelp(name, table));
    return;
  }
  const ignored: string[] = [];
  const flags = parseFlags(table, args, (flag) => ignored.push(flag));
  process.env["K8TS_SUPERVISED"] = "false";
  await runComponent(name, async (signal, logger) => {
    if (ignored.length > 0) logger.warn("flags without effect here", { flags: ignored });
    // Nobody's pipe keeps this process alive while all it does is wait.
    const keepAlive = setInterval(() => {}, 1 << 30);
    try {
      await body(flags, signal, logger);
    } catch (error) {
      // Told to end while it still waited for something.
      if (!signal.aborted) throw error;
    } finally {
      clearInterval(keepAlive);
    }
  });
}

/** The way to an API server that a kubeconfig file describes. */
export interface KubeconfigAccess extends HttpsTransportOptions {
  /** Where the client certificate is kept, when it is in files of its own. */
  readonly files?: { readonly certFile: string; readonly keyFile: string };
}

/** The way to any server. */
type ServerAccess = Omit<KubeconfigAccess, "ca"> & { readonly ca?: string; readonly isInsecure?: boolean };

/**
 * The API server and the user of a kubeconfig file, as options of a transport. Throws UsageError for a file that says neither; of
 * other servers than the API's it need not say the authority.
 */
export async function readKubeconfigFile(file: string): Promise<KubeconfigAccess>;
export async function readKubeconfigFile(file: string, needsAuthority: false): Promise<ServerAccess>;
export async function readKubeconfigFile(file: string, needsAuthority = true): Promise<ServerAccess> {
  let resolved;
  try {
    resolved = resolveContext(parseKubeconfig(await readFile(file, "utf8")));
  } catch (error) {
    throw new UsageError(`cannot use the kubeconfig ${file}`, { cause: error });
  }
  const { cluster, user } = resolved;
  const beside = (name: string): string => path.resolve(path.dirname(file), name);
  const { "client-certificate": certFile, "client-key": keyFile } = user;
  const pem = async (data: string | undefined, name: string | undefined): Promise<string | undefined> => {
    if (data) return Buffer.from(data, "base64").toString();
    return name ? readFile(beside(name), "utf8") : undefined;
  };
  const [ca, cert, key] = await Promise.all([
    pem(cluster["certificate-authority-data"], cluster["certificate-authority"]),
    pem(user["client-certificate-data"], certFile),
    pem(user["client-key-data"], keyFile),
  ]);
  if (!cluster.server || (ca === undefined && needsAuthority))
    throw new UsageError(`${file} names no server and its certificate authority`);
  const token = user.token ?? (user.tokenFile ? (await readFile(user.tokenFile, "utf8")).trim() : undefined);
  const serverName = cluster["tls-server-name"];
  return {
    url: cluster.server,
    ...(ca === undefined ? {} : { ca }),
    ...(cluster["insecure-skip-tls-verify"] === true ? { isInsecure: true } : {}),
    ...(cert && key ? { cert, key } : {}),
    ...(certFile && keyFile ? { files: { certFile: beside(certFile), keyFile: beside(keyFile) } } : {}),
    ...(token === undefined ? {} : { token: () => token }),
    ...(serverName === undefined ? {} : { serverName }),
  };
}

/**
 * A component's environment over one identity; `anonymous` is the same server without credentials. A client certificate in
 * files is taken anew when they change, until the stack is disposed.
 */
export function environmentOf(
  options: KubeconfigAccess,
  stack: AsyncDisposableStack,
  logger: Logger,
): ComponentEnvironment & { readonly transport: HttpsTransport } {
  const transport = stack.use(new HttpsTransport(options));
  const { url, ca, serverName, cert, key, files } = options;
  if (files && cert !== undefined && key !== undefined) {
    const pair = new ReloadingPair({ ...files, clock: new SystemClock(), logger }, { cert, key });
    pair.onChange((next) => transport.setCertificate(next.cert, next.key));
    stack.use(new TaskGroup()).spawn((signal) => pair.watch(signal));
  }
  const anonymous = stack.use(new HttpsTransport({ url, ca, ...(serverName === undefined ? {} : { serverName }) }));
  return {
    transport,
    transportFor: (identity: ComponentIdentity) => (identity === "anonymous" ? anonymous : transport),
    clock: new SystemClock(),
    random: new SystemRandom(),
    metrics: new MetricRegistry(),
    logger,
  };
}
