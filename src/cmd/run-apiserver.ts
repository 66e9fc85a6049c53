import { readFile } from "node:fs/promises";
import * as path from "node:path";
import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";

import { builtinScheme } from "../api/scheme.ts";
import {
  type AuditEnvironment,
  auditPipeline,
  type PipelineOptions,
  union,
} from "../apiserver/audit/audit-pipeline.ts";
import type { AuditPolicy } from "../apiserver/audit/audit-policy.ts";
import type { AuditSink } from "../apiserver/audit/audit-sink.ts";
import { WebhookSink } from "../apiserver/audit/webhook-sink.ts";
import { clusterControllers } from "../cluster/run-control.ts";
import { openApiProvider } from "../cluster/open-api.ts";
import { kubernetesVersion } from "../cluster/version.ts";
import { aborted, SystemClock } from "../component-base/clock.ts";
import type { Logger } from "../component-base/logger.ts";
import { MetricRegistry } from "../component-base/metrics.ts";
import { SystemRandom } from "../component-base/random.ts";
import type { TokenKey } from "../kube-apiserver/authentication/json-web-token.ts";
import { createKubeApiServer } from "../kube-apiserver/controlplane/create-kube-apiserver.ts";
import type { RequestHeaders } from "../kube-apiserver/authentication/request-header-authenticator.ts";
import type { KubeApiServerOptions } from "../kube-apiserver/controlplane/options.ts";
import { openWalBackend } from "../mvcc/wal/open-wal-backend.ts";
import { AuditLog, type AuditLogOptions } from "../node/audit-log.ts";
import { EncryptionFile } from "../node/encryption-file.ts";
import { HttpAuditReceiver, type HttpAuditReceiverOptions } from "../node/audit-webhook.ts";
import { startHttpServer } from "../node/http-server.ts";
import { TaskGroup } from "../component-base/task-group.ts";
import { HttpProxyConnector, type ProxyTls } from "../node/proxy-connector.ts";
import { HttpsWebhookDialer } from "../node/webhook-dialer.ts";
import type { ReloadingPair } from "../node/pki/reloading-pair.ts";
import { YamlThread } from "../node/yaml-thread.ts";
import { AuthorityCertificateSigner } from "../node/pki/certificate-signer.ts";
import { NodeFileSystem } from "../node/node-file-system.ts";
import { createTunnelRunner } from "../node/streaming/tunnel.ts";
import { componentProbes } from "./component-health.ts";
import { usualControlPorts } from "./control-ports.ts";
import type { ClusterDirectory, ClusterState } from "./cluster-directory.ts";
import { openPair, readKeyPair } from "./cluster-identity.ts";

/** What an API server's process is handed, from a cluster's directory or from flags. Certificates and keys are PEM. */
export interface ApiServerSettings {
  readonly storeDirectory: string;
  /** What it presents. */
  readonly serving: ReloadingPair;
  /** PEM that follows what it presents; nothing unless given. */
  readonly servingChain?: string;
  readonly host: string;
  readonly port: number;
  readonly clientCa: string;
  /** Under which identity kubelets are called, and whose certificates they must have; without it they are not. */
  readonly kubelet?: { readonly ca: string; readonly pair: ReloadingPair };
  /** As whom servers behind this one are called. */
  readonly frontProxyClient?: ReloadingPair;
  /** Servers behind are called at their endpoints, not at their Services' addresses. */
  readonly routesToEndpoints?: boolean;
  readonly requestHeaders?: RequestHeaders;
  /** The file that says how the store keeps which resources; looked at again while it runs where it is to be reloaded. */
  readonly encryption?: { readonly file: string; readonly isReloaded: boolean };
  /** How many requests are served at once: in all, by priority and fairness, or each kind for itself. Upstream's defaults unless given. */
  readonly requestLimits?: {
    readonly hasPriorityAndFairness: boolean;
    readonly readOnlyMax: number;
    readonly mutatingMax: number;
  };
  /** What is recorded of requests, in which file, and who is told. Nothing unless given. */
  readonly audit?: {
    readonly policy: AuditPolicy;
    readonly log?: Pick<AuditLogOptions, "path" | "sizeMaxMegabytes" | "backupsMax" | "ageMaxDays"> & {
      readonly pipeline: PipelineOptions;
    };
    readonly webhook?: {
      readonly receiver: HttpAuditReceiverOptions;
      readonly initialBackoffMs: number;
      readonly pipeline: PipelineOptions;
    };
  };
  /** The first signs tokens. */
  readonly serviceAccountKeys: KubeApiServerOptions["serviceAccountKeys"];
  readonly serviceAccountIssuer?: string;
  readonly apiAudiences?: readonly string[];
  readonly serviceCidr: string;
  readonly serviceNodePortRange: { readonly min: number; readonly max: number };
  readonly advertiseAddress?: string;
  readonly componentProbes: NonNullable<KubeApiServerOptions["componentProbes"]>;
  readonly controllerRoles: NonNullable<KubeApiServerOptions["controllerRoles"]>;
}

/** The process of the API server and its store. */
export async function runApiServer(
  directory: ClusterDirectory,
  state: ClusterState,
  signal: AbortSignal,
  logger: Logger,
): Promise<void> {
  const { config } = state;
  const [serving, kubeletClient, frontProxyClient, servingCa, clientCa, frontProxyCa] = await Promise.all([
    openPair(directory, "apiserver", logger),
    openPair(directory, "apiserver-kubelet-client", logger),
    openPair(directory, "front-proxy-client", logger),
    readKeyPair(directory, "server-ca"),
    readKeyPair(directory, "client-ca"),
    readKeyPair(directory, "front-proxy-ca"),
  ]);
  const [privateKey, publicKey] = await Promise.all(
    ["sa.key", "sa.pub"].map((name) => readFile(path.join(directory.pki, name), "utf8")),
  );
  const settings: ApiServerSettings = {
    storeDirectory: directory.store,
    // With the authority behind it, a machine that joins can find the one its token names.
    serving,
    servingChain: servingCa.cert,
    host: state.runtime === "containerd" ? "0.0.0.0" : "127.0.0.1",
    port: state.apiServerPort,
    clientCa: clientCa.cert,
    kubelet: { ca: servingCa.cert, pair: kubeletClient },
    frontProxyClient,
    // As webhooks: seen as soon as they are there, whatever routes the addresses of Services.
    routesToEndpoints: true,
    requestHeaders: { ...usualRequestHeaders, clientCa: frontProxyCa.cert, allowedNames: ["front-proxy-client"] },
    serviceAccountKeys: [{ ...signingTokenKey(privateKey ?? ""), ...tokenKey(publicKey ?? "") }],
    serviceCidr: config.serviceCidr,
    serviceNodePortRange: { min: config.nodePortRange.first, max: config.nodePortRange.last },
    advertiseAddress: state.nodes[0].ip,
    componentProbes: componentProbes(state.controlPorts ?? usualControlPorts),
    controllerRoles: clusterControllers({
      config,
      rootCa: servingCa.cert,
      dnsPort: state.dnsPort,
      ingress: state.ingress !== undefined,
      certificateSigner: new AuthorityCertificateSigner({ clientCa, servingCa }),
    }),
  };
  await serveApi(settings, signal, logger);
}

/** Opens the store and serves until the signal aborts. */
export async function serveApi(settings: ApiServerSettings, signal: AbortSignal, logger: Logger): Promise<void> {
  const clock = new SystemClock();
  const metrics = new MetricRegistry();
  const failed = new AbortController();
  const { storeDirectory, serving, servingChain = "", host, port, clientCa, kubelet, ...others } = settings;
  const { frontProxyClient, routesToEndpoints, audit, encryption, requestLimits, ...options } = others;
  const { requestHeaders } = options;
  await using stack = new AsyncDisposableStack();
  const tasks = stack.use(new TaskGroup({ parent: signal }));
  const backend = stack.use(
    await openWalBackend({
      directory: storeDirectory,
      fileSystem: new NodeFileSystem(),
      clock,
      logger,
      onFailure: (error) => failed.abort(error),
    }),
  );
  const kubeletTls = (): ProxyTls => (kubelet ? { ca: kubelet.ca, ...kubelet.pair.current } : {});
  const kubelets = kubelet && stack.use(new HttpProxyConnector("kubelet", kubeletTls()));
  const proxy = stack.use(new HttpProxyConnector("proxy"));
  const frontProxy = stack.use(new HttpProxyConnector("front-proxy", frontProxyClient?.current));
  const random = new SystemRandom();
  const auditSink = union(audit ? auditSinks(audit, { clock, random, logger, metrics }, stack) : []);
  const encryptionFile =
    encryption && (await EncryptionFile.open({ path: encryption.file, clock, random, logger, metrics }));
  const server = stack.use(
    await createKubeApiServer({
      ...options,
      backend,
      clock,
      random,
      logger,
      metrics,
      version: kubernetesVersion,
      securePort: port,
      clientCa,
      ...(kubelets ? { kubelets } : {}),
      proxy,
      aggregator: { connector: frontProxy, routesToEndpoints: routesToEndpoints ?? false },
      ...(kubelet ? { metricsKubelets: stack.use(new HttpProxyConnector("metrics", { ca: kubelet.ca })) } : {}),
      ...(audit ? { audit: { policy: audit.policy, sink: auditSink } } : {}),
      webhookDialer: stack.use(new HttpsWebhookDialer()),
      openApi: openApiProvider(builtinScheme()),
      ...(encryptionFile ? { transformers: encryptionFile } : {}),
      ...(requestLimits ? { hasPriorityAndFairness: requestLimits.hasPriorityAndFairness } : {}),
      server: {
        yaml: stack.use(new YamlThread()),
        ...(requestLimits
          ? { maxReadOnlyInFlight: requestLimits.readOnlyMax, maxMutatingInFlight: requestLimits.mutatingMax }
          : {}),
      },
    }),
  );
  const http = stack.use(
    await startHttpServer({
      handler: server.handler,
      tls: {
        cert: serving.current.cert + servingChain,
        key: serving.current.key,
        clientCa,
        ...(requestHeaders ? { frontProxyCa: requestHeaders.clientCa } : {}),
      },
      separateHeaders: ["impersonate-", ...namesOf(requestHeaders)],
      host,
      port,
      runTunnel: createTunnelRunner({
        tls: (identity) => {
          if (kubelets && identity === kubelets.identity) return kubeletTls();
          return identity === frontProxy.identity ? { ...frontProxyClient?.current } : { rejectUnauthorized: false };
        },
        logger,
      }),
      logger,
    }),
  );
  if (encryption?.isReloaded) tasks.spawn((running) => encryptionFile?.watch(running) ?? Promise.resolve());
  serving.onChange(({ cert, key }) => http.setCertificate(cert + servingChain, key));
  tasks.spawn((running) => serving.watch(running));
  kubelet?.pair.onChange(({ cert, key }) => kubelets?.setCertificate(cert, key));
  frontProxyClient?.onChange(({ cert, key }) => frontProxy.setCertificate(cert, key));
  for (const pair of [kubelet?.pair, frontProxyClient]) if (pair) tasks.spawn((running) => pair.watch(running));
  await server.start();
  logger.info("API server is ready", { port: http.port });
  await Promise.race([aborted(signal), aborted(failed.signal)]);
  if (failed.signal.aborted) throw new Error("the store failed", { cause: failed.signal.reason });
  server.startShutdown();
}

/** What is sent later is sent before the process ends. */
function auditSinks(
  { log, webhook }: NonNullable<ApiServerSettings["audit"]>,
  environment: AuditEnvironment,
  stack: AsyncDisposableStack,
): readonly AuditSink[] {
  const sinks: AuditSink[] = [];
  if (log) {
    const file = stack.use(new AuditLog({ ...log, ...environment }));
    sinks.push(stack.use(auditPipeline(file, log.pipeline, environment)));
  }
  if (webhook) {
    const receiver = stack.use(new HttpAuditReceiver(webhook.receiver));
    const sink = new WebhookSink(receiver, webhook.initialBackoffMs, environment);
    sinks.push(stack.use(auditPipeline(sink, webhook.pipeline, environment)));
  }
  return sinks;
}

/** The headers of upstream's documentation, which kubeadm sets, too. */
const usualRequestHeaders = {
  usernameHeaders: ["x-remote-user"],
  uidHeaders: ["x-remote-uid"],
  groupHeaders: ["x-remote-group"],
  extraHeaderPrefixes: ["x-remote-extra-"],
} as const;

function namesOf(headers: RequestHeaders | undefined): readonly string[] {
  if (!headers) return [];
  const { usernameHeaders, uidHeaders, groupHeaders, extraHeaderPrefixes } = headers;
  return [...usernameHeaders, ...uidHeaders, ...groupHeaders, ...extraHeaderPrefixes];
}

/** A key that verifies service account tokens, from a public key or a certificate. */
export function tokenKey(publicPem: string): Pick<TokenKey, "publicKey"> {
  const key = createPublicKey(publicPem);
  return { publicKey: key.toCryptoKey(algorithmOf(key), true, ["verify"]) };
}

/** A key that signs them. */
export function signingTokenKey(privatePem: string): Pick<TokenKey, "privateKey"> {
  const key = createPrivateKey(privatePem);
  return { privateKey: key.toCryptoKey(algorithmOf(key), false, ["sign"]) };
}

function algorithmOf(key: KeyObject): { readonly name: string; readonly namedCurve?: string; readonly hash?: string } {
  return key.asymmetricKeyType === "rsa"
    ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" }
    : { name: "ECDSA", namedCurve: "P-256" };
}
