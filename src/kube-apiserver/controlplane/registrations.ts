import { serviceUnavailable } from "../../apimachinery/errors/new.ts";
import { horizontalPodAutoscalerConversion } from "../../api/autoscaling/v1/conversion.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import { apiVersionOf } from "../../apimachinery/resource-type.ts";
import { definitionStatusStrategy } from "../../apiextensions-apiserver/definition/strategy.ts";
import type { ApiResource, Scheme } from "../../apimachinery/scheme/scheme.ts";
import type {
  Conversion,
  ResourceRegistration,
  ReviewHandler,
  Subresource,
} from "../../apiserver/registry/generic/resource-registration.ts";
import type { ResourceReader } from "../../apiserver/registry/rest/resource-reader.ts";
import type { Strategy, SubresourceRequest } from "../../apiserver/registry/rest/strategy.ts";
import type { ProxyConnector } from "../../apiserver/proxy/proxy-connector.ts";
import type { HttpResponse } from "../../component-base/http.ts";
import type { Random } from "../../component-base/random.ts";
import type { StatusError } from "../../apimachinery/errors/status-error.ts";
import type { ServiceAccountTokenIssuer } from "../authentication/service-account-token-issuer.ts";
import { eventConversion } from "../registry/core/event-strategy.ts";
import { withFinalizerNames } from "../registry/finalizer-names.ts";
import { withMetadataRules } from "../registry/metadata-rules.ts";
import { namespaceFinalizeStrategy, namespaceStatusStrategy } from "../registry/core/namespace-strategy.ts";
import { createBinding, createLegacyBinding } from "../registry/core/pod/binding.ts";
import { ephemeralContainersStrategy } from "../registry/core/pod/ephemeral-containers-strategy.ts";
import { createEviction } from "../registry/core/pod/eviction.ts";
import type { KubeletConnector } from "../registry/core/pod/kubelet-connector.ts";
import { nodeProxy, podProxy, serviceProxy } from "../registry/core/proxy.ts";
import { podLog } from "../registry/core/pod/log.ts";
import { podResizeStrategy } from "../registry/core/pod/resize-strategy.ts";
import { podStatusStrategy } from "../registry/core/pod/status-strategy.ts";
import { podPortForward, podStreams } from "../registry/core/pod/streaming.ts";
import { createToken } from "../registry/core/token-request.ts";
import { approvalStrategy, certificateStatusStrategy } from "../registry/certificate-signing-request-strategy.ts";

export interface RegistrationOptions {
  readonly scheme: Scheme;
  /** By `group/resource`. */
  readonly strategies: Readonly<Record<string, Strategy>>;
  readonly reviews: Readonly<Record<string, ReviewHandler>>;
  /** Of kinds that are computed when read, by `group/resource`; those without are not served. */
  readonly readers: Readonly<Record<string, ResourceReader>>;
  readonly issuer: ServiceAccountTokenIssuer;
  readonly apiAudiences: readonly string[];
  readonly kubelets: KubeletConnector | undefined;
  /** The way to pods, under no identity. */
  readonly proxy: ProxyConnector | undefined;
  readonly random: Random;
}

const deprecations: Readonly<Record<string, string>> = {
  ComponentStatus: "v1 ComponentStatus is deprecated in v1.19+",
  Endpoints: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
};

/** Every resource of the scheme with its strategy, subresources and conversion. */
export function builtinRegistrations(options: RegistrationOptions): readonly ResourceRegistration[] {
  const { scheme, strategies, reviews, readers } = options;
  const subresources = builtinSubresources(options);
  const registrations: ResourceRegistration[] = [];
  for (const { group, versions } of scheme.groups) {
    for (const version of versions) {
      for (const resource of scheme.resources(group, version)) {
        const key = `${group}/${resource.resource}`;
        const review = key === "/bindings" ? createLegacyBinding : reviews[key];
        const reader = readers[key];
        if (!resource.persisted && !review && !reader) continue;
        registrations.push({
          ...registration(
            resource,
            withMetadataRules(key, withFinalizerNames(key, strategies[key])),
            review,
            subresources[key],
          ),
          ...(reader ? { reader } : {}),
        });
      }
    }
  }
  return registrations;
}

function registration(
  resource: ApiResource,
  strategy: Strategy | undefined,
  review: ReviewHandler | undefined,
  subresources: Readonly<Record<string, Subresource>> | undefined,
): ResourceRegistration {
  const deprecation = Object.hasOwn(deprecations, resource.kind) ? deprecations[resource.kind] : undefined;
  return {
    resource,
    ...(strategy ? { strategy } : {}),
    ...(resource.persisted || !review ? {} : { review }),
    ...(subresources ? { subresources } : {}),
    ...conversionOf(resource),
    ...(deprecation === undefined ? {} : { warnings: [deprecation] }),
  };
}

/** Between the served and the stored version, where they differ: in more than the name for events alone. */
function conversionOf(resource: ApiResource): { readonly convert?: Conversion } {
  const { group, version, storage, persisted } = resource;
  if (!persisted || (group === storage.group && version === storage.version)) return {};
  if (group === "events.k8s.io") return { convert: eventConversion };
  if (resource.kind === "HorizontalPodAutoscaler") return { convert: horizontalPodAutoscalerConversion };
  const rename =
    (apiVersion: string) =>
    (object: KubeObject): Mutable<KubeObject> => ({ ...structuredClone(object as Mutable<KubeObject>), apiVersion });
  return { convert: { toStorage: rename(apiVersionOf(storage)), fromStorage: rename(apiVersionOf(resource)) } };
}

/** Where nodes are simulated nothing can be reached on them; what is wrong with a request is said all the same. */
function noConnection(to: string): ProxyConnector {
  const refusal = (): StatusError => serviceUnavailable(`this server has no connection to ${to}`);
  return {
    get identity(): never {
      throw refusal();
    },
    send: () => Promise.reject(refusal()),
  };
}

/** What is beside the usual status and scale. */
function builtinSubresources(
  options: RegistrationOptions,
): Readonly<Record<string, Readonly<Record<string, Subresource>>>> {
  const { kubelets = noConnection("kubelets"), proxy = noConnection("pods"), random } = options;
  const connected = (connect: (request: SubresourceRequest) => Promise<HttpResponse>): Subresource => ({
    type: "connect",
    connect,
  });
  return {
    "/pods": {
      status: { type: "object", strategy: podStatusStrategy },
      ephemeralcontainers: { type: "object", strategy: ephemeralContainersStrategy },
      // Where a pod runs is not part of what its author wants, so binding it makes no new generation.
      binding: { type: "create", create: createBinding, strategy: { generation: "none" } },
      eviction: { type: "create", create: createEviction },
      log: connected((request) => podLog(request, kubelets)),
      exec: connected((request) => podStreams(request, "exec", kubelets)),
      attach: connected((request) => podStreams(request, "attach", kubelets)),
      portforward: connected((request) => podPortForward(request, kubelets)),
      proxy: connected((request) => podProxy(request, proxy)),
      resize: { type: "object", strategy: podResizeStrategy },
    },
    "/nodes": { proxy: connected((request) => nodeProxy(request, kubelets, proxy)) },
    "/services": { proxy: connected((request) => serviceProxy(request, proxy, random)) },
    "/namespaces": {
      status: { type: "object", strategy: namespaceStatusStrategy },
      finalize: { type: "object", strategy: namespaceFinalizeStrategy },
    },
    "/serviceaccounts": {
      token: {
        type: "create",
        create: (request) => createToken(request, options.issuer, options.apiAudiences),
      },
    },
    "apiextensions.k8s.io/customresourcedefinitions": {
      status: { type: "object", strategy: definitionStatusStrategy },
    },
    "certificates.k8s.io/certificatesigningrequests": {
      approval: { type: "object", strategy: approvalStrategy },
      status: { type: "object", strategy: certificateStatusStrategy },
    },
  };
}
