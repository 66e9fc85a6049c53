import { readFile } from "node:fs/promises";

import { resolveContext } from "../client/clientcmd/kubeconfig.ts";
import { parseKubeconfig } from "../client/clientcmd/kubeconfig-file.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { createApiClient } from "../client/rest/rest-client.ts";
import { SystemClock } from "../component-base/clock.ts";
import { SystemRandom } from "../component-base/random.ts";
import { HttpsTransport } from "../node/https-transport.ts";
import type { ClusterDirectory } from "./cluster-directory.ts";

/** The administrator's connection to a cluster; dispose it to let the process end. */
export interface Connection extends AsyncDisposable {
  readonly client: ApiClient;
}

export async function connectAdmin(directory: ClusterDirectory): Promise<Connection> {
  const { cluster, user } = resolveContext(parseKubeconfig(await readFile(directory.kubeconfig, "utf8")));
  const decode = (data: string | undefined): string => Buffer.from(data ?? "", "base64").toString();
  const transport = new HttpsTransport({
    url: cluster.server ?? "",
    ca: decode(cluster["certificate-authority-data"]),
    cert: decode(user["client-certificate-data"]),
    key: decode(user["client-key-data"]),
  });
  return {
    client: createApiClient({ transport, userAgent: "k8ts", clock: new SystemClock(), random: new SystemRandom() }),
    [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose](),
  };
}
