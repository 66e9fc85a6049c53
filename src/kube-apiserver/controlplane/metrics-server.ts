import type { Node, ServiceAccount } from "../../api/core/v1/types.gen.ts";
import type { StorageLister } from "../../apiserver/registry/rest/registry-access.ts";
import { utf8Decode } from "../../component-base/bytes.ts";
import type { ProxyConnector } from "../../apiserver/proxy/proxy-connector.ts";
import type { Clock } from "../../component-base/clock.ts";
import { type HttpHeaders, readBody } from "../../component-base/http.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import { MetricsServer } from "../../metrics-server/metrics-server.ts";
import type { ServiceAccountTokenIssuer } from "../authentication/service-account-token-issuer.ts";
import { serviceAccount } from "../authorization/bootstrap-policy/cluster-role-bindings.ts";
import { allow, read } from "../authorization/bootstrap-policy/rule.ts";
import { nodeUrl } from "../registry/core/pod/kubelet-connector.ts";

/** Under which the metrics server asks kubelets. */
export const metricsAccount = { name: "metrics-server", namespace: "kube-system" };

/** Its rights, and everybody's to read what it tells. */
export const metricsPolicy = {
  roles: [
    {
      name: "system:metrics-server",
      rules: [allow("get", "", "nodes/metrics"), allow(read, "", "nodes pods")],
    },
    {
      name: "system:aggregated-metrics-reader",
      rules: [allow(read, "metrics.k8s.io", "nodes pods")],
      aggregateTo: ["admin", "edit", "view"] as const,
    },
  ],
  bindings: [
    { role: "system:metrics-server", subjects: [serviceAccount(metricsAccount.namespace, metricsAccount.name)] },
  ],
};

const tokenSeconds = 3607;
// A token is replaced when a fifth of its life is left.
const refreshAfter = 0.8;
// The text of a node with a thousand containers is below a megabyte.
const bodyBytesMax = 32 * 1024 * 1024;

/** The way to kubelets for the metrics server, which brings its token unless the way has an identity of its own. */
export type MetricsKubelets = Pick<ProxyConnector, "send"> & { readonly hasIdentity?: boolean };

/** The name and groups of whoever reaches kubelets for it under an identity of their own. */
export const metricsIdentity = {
  commonName: `system:serviceaccount:${metricsAccount.namespace}:${metricsAccount.name}`,
  organizations: ["system:serviceaccounts", `system:serviceaccounts:${metricsAccount.namespace}`],
};

export interface MetricsServerParts {
  readonly kubelets: MetricsKubelets;
  readonly nodes: StorageLister<Node>;
  readonly serviceAccounts: StorageLister<ServiceAccount>;
  readonly issuer: ServiceAccountTokenIssuer;
  readonly apiAudiences: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
}

/** The bundled metrics server, which asks kubelets with a token of its own account. */
export function createMetricsServer(parts: MetricsServerParts): MetricsServer {
  const { nodes, kubelets, clock, logger, metrics } = parts;
  const token = tokenSource(parts);
  return new MetricsServer({
    nodes: () => nodes.list().map(({ metadata }) => metadata.name),
    fetch: async (name, signal) => {
      const node = nodes.get("", name);
      if (!node) throw new Error(`node ${name} is gone`);
      const headers: HttpHeaders = kubelets.hasIdentity ? {} : { authorization: `Bearer ${await token()}` };
      const url = `${nodeUrl(node)}/metrics/resource`;
      const { status, body } = await kubelets.send({ method: "GET", url, headers, signal });
      const text = utf8Decode(await readBody(body, bodyBytesMax));
      if (status !== 200) throw new Error(`request failed, status: ${status}: ${text.slice(0, 200).trim()}`);
      return text;
    },
    clock,
    logger: logger.with({ component: "metrics-server" }),
    metrics,
  });
}

/** A token of the account, made anew in time; the account may be replaced meanwhile. */
function tokenSource({ serviceAccounts, issuer, apiAudiences, clock }: MetricsServerParts): () => Promise<string> {
  let known: { readonly token: string; readonly uid: string; readonly untilMs: number } | undefined;
  return async () => {
    const { name, namespace } = metricsAccount;
    const uid = serviceAccounts.get(namespace, name)?.metadata.uid;
    if (uid === undefined) throw new Error(`service account ${namespace}/${name} does not exist`);
    if (known?.uid === uid && clock.now() < known.untilMs) return known.token;
    const { token } = await issuer.issue({ namespace, serviceAccount: { name, uid } }, apiAudiences, tokenSeconds);
    known = { token, uid, untilMs: clock.now() + tokenSeconds * 1000 * refreshAfter };
    return token;
  };
}
