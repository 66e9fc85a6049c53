import type { PolicyRule } from "../../api/rbac/v1/types.gen.ts";
import type { VersionInfo } from "../../apimachinery/meta/v1/types.gen.ts";
import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type { MetricsKubelets } from "./metrics-server.ts";
import type { ProxyConnector } from "../../apiserver/proxy/proxy-connector.ts";
import type { GenericApiServerOptions, OpenApiProvider } from "../../apiserver/server/generic-api-server-options.ts";
import type { ResourceTransformers } from "../../apiserver/storage/value/transforming-backend.ts";
import type { WebhookDialer } from "../../apiserver/webhook/webhook-dialer.ts";
import type { Clock } from "../../component-base/clock.ts";
import type { Logger } from "../../component-base/logger.ts";
import type { MetricRegistry } from "../../component-base/metrics.ts";
import type { Random } from "../../component-base/random.ts";
import type { Backend } from "../../mvcc/backend.ts";
import type { TokenKey } from "../authentication/json-web-token.ts";
import type { RequestHeaders } from "../authentication/request-header-authenticator.ts";
import type { ComponentProbe } from "../registry/core/component-status.ts";
import type { KubeletConnector } from "../registry/core/pod/kubelet-connector.ts";

export interface KubeApiServerOptions {
  /** Stays the caller's to dispose, after the server. */
  readonly backend: Backend;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly version: VersionInfo;
  /** How the store keeps objects, by resource. As they are, unless given. */
  readonly transformers?: ResourceTransformers;
  /** JSON bytes of the objects kept parsed; 32 MiB unless given. */
  readonly parsedBytesMax?: number;
  /** ECDSA P-256 or RSASSA-PKCS1-v1_5. The first signs and needs its private half; all verify. */
  readonly serviceAccountKeys: readonly [TokenKey, ...TokenKey[]];
  /** `https://kubernetes.default.svc.cluster.local` unless given. */
  readonly serviceAccountIssuer?: string;
  /** The issuer unless given. */
  readonly apiAudiences?: readonly string[];
  /** `10.96.0.0/16` unless given. Its first address is the `kubernetes` Service's. */
  readonly serviceCidr?: string;
  /** 30000–32767 unless given. */
  readonly serviceNodePortRange?: { readonly min: number; readonly max: number };
  /** The address clients inside the cluster reach this server at. Without it the `kubernetes` Service has no endpoints. */
  readonly advertiseAddress?: string;
  /** Of the advertised address; 6443 unless given. */
  readonly securePort?: number;
  /** PEM of the authority that signs client certificates, published for aggregated servers. */
  readonly clientCa?: string;
  /** Without it, log, exec, attach and portforward answer 503. */
  readonly kubelets?: KubeletConnector;
  /** The way to pods and Services for the proxy subresources. Without it they answer 503. */
  readonly proxy?: ProxyConnector;
  /**
   * The way to kubelets for the metrics server, which brings its token where the way has no identity of its own. Without it
   * `metrics.k8s.io` is not served.
   */
  readonly metricsKubelets?: MetricsKubelets;
  /** How the other components of the control plane are, by the names of ComponentStatuses. The store is known without. */
  readonly componentProbes?: Readonly<Record<string, ComponentProbe>>;
  /**
   * The servers behind this one. Without a connector, which has the certificate of a front proxy, they are not reached.
   * `routesToEndpoints` calls endpoints rather than the addresses of Services; false unless given.
   */
  readonly aggregator?: { readonly connector: ProxyConnector; readonly routesToEndpoints?: boolean };
  /** Front proxies this server believes, published for aggregated servers. */
  readonly requestHeaders?: RequestHeaders;
  /** The way to admission webhooks. Without it every call of one fails, and failure policies decide. */
  readonly webhookDialer?: WebhookDialer;
  /** Names of admission plugins that are not asked. */
  readonly disabledAdmissionPlugins?: readonly string[];
  /** Who runs under `system:controller:<serviceAccount>`: the controllers' own list. */
  readonly controllerRoles?: readonly { readonly serviceAccount: string; readonly rules: readonly PolicyRule[] }[];
  /** Bearer tokens that are valid from the start. */
  readonly staticTokens?: ReadonlyMap<string, UserInfo>;
  readonly eventTtlSeconds?: number;
  readonly openApi?: OpenApiProvider;
  readonly audit?: GenericApiServerOptions["audit"];
  /** False: plain limits of requests in flight instead. True unless given. */
  readonly hasPriorityAndFairness?: boolean;
  /** What else the generic server is to know. */
  readonly server?: Partial<
    Pick<
      GenericApiServerOptions,
      | "anonymous"
      | "maxReadOnlyInFlight"
      | "maxMutatingInFlight"
      | "requestTimeoutMs"
      | "bodyBytesMax"
      | "yaml"
      | "minRequestTimeoutSeconds"
      | "shutdownGraceMs"
    >
  >;
}
