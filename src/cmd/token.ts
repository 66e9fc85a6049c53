import { secrets } from "../api/resources.gen.ts";
import { isNotFound } from "../apimachinery/errors/status-error.ts";
import { parseDuration } from "../apimachinery/time.ts";
import type { ApiClient } from "../client/rest/api-client.ts";
import { nodeTokenGroup } from "../cluster/addons/node-bootstrap.ts";
import { errorText } from "../component-base/logger.ts";
import { formatJoinToken, newBootstrapToken, publicKeyHash } from "../node/pki/join-token.ts";
import { clusterDirectory, clusterOptions, parseCommandLine, UsageError } from "./arguments.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { readCertificate } from "./cluster-identity.ts";
import { connectAdmin } from "./connect.ts";

const namespace = "kube-system";
const secretType = "bootstrap.kubernetes.io/token";

/** `k8ts token create | list | delete ID`: what machines join with. */
export async function token(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseCommandLine(
    args,
    { ...clusterOptions, ttl: { type: "string", default: "24h" }, description: { type: "string" } },
    ["action", "id"],
  );
  const directory = clusterDirectory(values);
  const state = await directory.readState();
  if (!state || state.joined) throw new Error(`there is no API server in ${directory.root}`);
  const [action, id] = positionals;
  await using connection = await connectAdmin(directory);
  const { client } = connection;
  // Awaited here: the connection closes when this function ends.
  if (action === "create" && id === undefined) await create(client, directory, state, values);
  else if (action === "list" && id === undefined) await list(client);
  else if (action === "delete" && id !== undefined) await remove(client, id);
  else throw new UsageError("k8ts token create [--ttl 24h], k8ts token list, or k8ts token delete ID");
}

async function create(
  client: ApiClient,
  directory: ClusterDirectory,
  state: ClusterState,
  values: { readonly ttl: string; readonly description?: string },
): Promise<void> {
  const ttlMs = ttlOf(values.ttl);
  const bootstrapToken = newBootstrapToken();
  const [id = "", secret = ""] = bootstrapToken.split(".");
  await client.resource(secrets, namespace).create({
    metadata: { name: `bootstrap-token-${id}` },
    type: secretType,
    stringData: {
      "token-id": id,
      "token-secret": secret,
      "usage-bootstrap-authentication": "true",
      "usage-bootstrap-signing": "true",
      "auth-extra-groups": nodeTokenGroup,
      description: values.description ?? "made by k8ts token create",
      // Zero is for ever, as with kubeadm.
      ...(ttlMs === 0 ? {} : { expiration: new Date(Date.now() + ttlMs).toISOString().replace(/\.\d+Z$/, "Z") }),
    },
  });
  const caHash = publicKeyHash(await readCertificate(directory, "server-ca"));
  const server = `https://${state.nodes[0].ip}:${state.apiServerPort}`;
  process.stdout.write(`k8ts agent --server ${server} --token ${formatJoinToken({ caHash, bootstrapToken })}\n`);
}

function ttlOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    throw new UsageError(`--ttl: ${errorText(error)}`, { cause: error });
  }
}

async function list(client: ApiClient): Promise<void> {
  const { items } = await client.resource(secrets, namespace).list({ fieldSelector: `type=${secretType}` });
  process.stdout.write("ID      EXPIRES               DESCRIPTION\n");
  for (const { data } of items) {
    const value = (key: string): string => atob(data?.[key] ?? "");
    process.stdout.write(
      `${value("token-id")}  ${(value("expiration") || "never").padEnd(20)}  ${value("description")}\n`,
    );
  }
}

async function remove(client: ApiClient, idOrToken: string): Promise<void> {
  // Whole tokens are taken, too: what stands before the point names it.
  const id = /([a-z0-9]{6})(?:\.[a-z0-9]{16})?$/.exec(idOrToken)?.[1] ?? idOrToken;
  try {
    await client.resource(secrets, namespace).delete(`bootstrap-token-${id}`);
  } catch (error) {
    if (isNotFound(error)) throw new Error(`there is no token ${id}`, { cause: error });
    throw error;
  }
}
