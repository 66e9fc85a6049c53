import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { createPrivateKey, createPublicKey, type webcrypto } from "node:crypto";

import { builtinScheme } from "../api/scheme.ts";
import { clusterControllers } from "../cluster/run-control.ts";
import { defaultClusterConfig } from "../cluster/config.ts";
import { openApiProvider } from "../cluster/open-api.ts";
import { kubernetesVersion } from "../cluster/version.ts";
import { SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import { createKubeApiServer } from "../kube-apiserver/controlplane/create-kube-apiserver.ts";
import { openWalBackend } from "../mvcc/wal/open-wal-backend.ts";
import { startHttpServer } from "../node/http-server.ts";
import { HttpProxyConnector } from "../node/proxy-connector.ts";
import { HttpsWebhookDialer } from "../node/webhook-dialer.ts";
import { YamlThread } from "../node/yaml-thread.ts";
import { AuthorityCertificateSigner } from "../node/pki/certificate-signer.ts";
import { NodeFileSystem } from "../node/node-file-system.ts";
import { createTunnelRunner } from "../node/streaming/tunnel.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { readKeyPair } from "./cluster-identity.ts";

/** The process of the API server and its store. */
export async function runApiServer(
  directory: ClusterDirectory,
  state: ClusterState,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const clock = new SystemClock();
  const metrics = new MetricRegistry();
  const config = defaultClusterConfig;
  const failed = new AbortController();
  const [serving, servingCa, clientCa, kubeletClient] = await Promise.all(
    ["apiserver", "server-ca", "client-ca", "apiserver-kubelet-client"].map((name) => readKeyPair(directory, name)),
  );
  if (!serving || !servingCa || !clientCa || !kubeletClient) throw new Error("the cluster's certificates are missing");

  await using stack = new AsyncDisposableStack();
  const backend = stack.use(
    await openWalBackend({
      directory: directory.store,
      fileSystem: new NodeFileSystem(),
      clock,
      logger,
      onFailure: (error) => failed.abort(error),
    }),
  );
  const tlsToKubelet = { ca: servingCa.cert, cert: kubeletClient.cert, key: kubeletClient.key };
  const kubelets = stack.use(new HttpProxyConnector("kubelet", tlsToKubelet));
  const proxy = stack.use(new HttpProxyConnector("proxy"));
  const server = stack.use(
    await createKubeApiServer({
      backend,
      clock,
      random: new SystemRandom(),
      logger,
      metrics,
      version: kubernetesVersion,
      serviceAccountKeys: [await serviceAccountKey(directory)],
      serviceCidr: config.serviceCidr,
      serviceNodePortRange: { min: config.nodePortRange.first, max: config.nodePortRange.last },
      advertiseAddress: state.nodes[0].ip,
      securePort: state.apiServerPort,
      clientCa: clientCa.cert,
      kubelets,
      proxy,
      metricsKubelets: stack.use(new HttpProxyConnector("metrics", { ca: servingCa.cert })),
      webhookDialer: stack.use(new HttpsWebhookDialer()),
      controllerRoles: clusterControllers({
        config,
        rootCa: servingCa.cert,
        dnsPort: state.dnsPort,
        certificateSigner: new AuthorityCertificateSigner(clientCa),
      }),
      openApi: openApiProvider(builtinScheme()),
      server: { yaml: stack.use(new YamlThread()) },
    }),
  );
  const http = stack.use(
    await startHttpServer({
      handler: server.handler,
      tls: { ...serving, clientCa: clientCa.cert },
      host: state.runtime === "containerd" ? "0.0.0.0" : "127.0.0.1",
      port: state.apiServerPort,
      runTunnel: createTunnelRunner({
        tls: (identity) => (identity === kubelets.identity ? tlsToKubelet : { rejectUnauthorized: false }),
        logger,
      }),
      logger,
    }),
  );
  await server.start();
  logger.info("API server is ready", { port: http.port });
  await Promise.race([aborted(signal), aborted(failed.signal)]);
  if (failed.signal.aborted) throw new Error("the store failed", { cause: failed.signal.reason });
  server.startShutdown();
}

async function serviceAccountKey(
  directory: ClusterDirectory,
): Promise<{ readonly publicKey: webcrypto.CryptoKey; readonly privateKey: webcrypto.CryptoKey }> {
  const [privatePem, publicPem] = await Promise.all(
    ["sa.key", "sa.pub"].map((name) => readFile(path.join(directory.pki, name), "utf8")),
  );
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  return {
    privateKey: createPrivateKey(privatePem ?? "").toCryptoKey(algorithm, false, ["sign"]),
    publicKey: createPublicKey(publicPem ?? "").toCryptoKey(algorithm, true, ["verify"]),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
