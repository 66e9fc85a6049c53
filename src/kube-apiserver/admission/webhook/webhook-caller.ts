import type { AdmissionResponse, AdmissionReview } from "../../../api/admission/v1/types.gen.ts";
import type { MutatingWebhook, ValidatingWebhook } from "../../../api/admissionregistration/v1/types.gen.ts";
import type { GroupVersionKind, GroupVersionResource } from "../../../apimachinery/meta/v1/types.gen.ts";
import { apiVersionOf } from "../../../apimachinery/resource-type.ts";
import { base64Decode, utf8Decode } from "../../../component-base/bytes.ts";
import { errorText } from "../../../component-base/logger.ts";
import { randomUuid, type Random } from "../../../component-base/random.ts";
import type { AdmissionAttributes } from "../../../apiserver/admission/admission-plugin.ts";
import { type WebhookClient, WebhookFailure } from "../../../apiserver/webhook/webhook-client.ts";
import type { Invocation } from "../matching.ts";
import { denial, dryRunUnsupported, WebhookCallError } from "./webhook-error.ts";

// Upstream's.
const defaultTimeoutSeconds = 10;

/** What a webhook said, when it said yes. */
export interface WebhookAnswer {
  /** A JSON patch, when there is one. */
  readonly patch: unknown;
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Asks one webhook about one request. */
export class WebhookCaller {
  readonly #client: WebhookClient;
  readonly #random: Random;

  constructor(options: { readonly client: WebhookClient; readonly random: Random }) {
    this.#client = options.client;
    this.#random = options.random;
  }

  /** Throws the refusal (StatusError), or WebhookCallError when there is no usable answer. */
  async call(hook: MutatingWebhook | ValidatingWebhook, invocation: Invocation): Promise<WebhookAnswer> {
    const { requested: attributes } = invocation;
    const canDryRun = hook.sideEffects === "None" || hook.sideEffects === "NoneOnDryRun";
    if (attributes.dryRun && !canDryRun) throw dryRunUnsupported(hook.name);
    const uid = randomUuid(this.#random);
    let response: AdmissionResponse;
    try {
      const seconds = hook.timeoutSeconds ?? defaultTimeoutSeconds;
      response = checkResponse(uid, await this.#client.post(hook.clientConfig, reviewOf(invocation, uid), seconds));
    } catch (error) {
      if (error instanceof WebhookCallError) throw error;
      const why = error instanceof WebhookFailure ? `failed to call webhook: ${error.message}` : errorText(error);
      throw new WebhookCallError(hook.name, why, { cause: error });
    }
    for (const [key, value] of Object.entries(response.auditAnnotations ?? {})) {
      attributes.annotate(`${hook.name}/${key}`, value);
    }
    for (const warning of response.warnings ?? []) attributes.warn(warning);
    if (!response.allowed) throw denial(hook.name, response.status);
    return {
      patch: decodePatch(hook.name, response),
      auditAnnotations: response.auditAnnotations ?? {},
      warnings: response.warnings ?? [],
    };
  }
}

const optionKinds = { CREATE: "CreateOptions", UPDATE: "UpdateOptions", DELETE: "DeleteOptions" } as const;

function reviewOf(invocation: Invocation, uid: string): unknown {
  const request = admissionRequestOf(invocation);
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid, ...request } };
}

/** The request of an AdmissionReview, but for its uid. */
export function admissionRequestOf({ requested, seen: attributes }: Invocation): Readonly<Record<string, unknown>> {
  const { subresource, operation, user, object, oldObject } = attributes;
  const options = attributes.options as Readonly<Record<string, unknown>> | undefined;
  const isConnect = operation === "CONNECT";
  return {
    kind: kindOf(attributes),
    resource: resourceOf(attributes),
    ...(subresource === "" ? {} : { subResource: subresource }),
    requestKind: kindOf(requested),
    requestResource: resourceOf(requested),
    ...(subresource === "" ? {} : { requestSubResource: subresource }),
    ...(attributes.name === "" ? {} : { name: attributes.name }),
    ...(attributes.namespace === "" ? {} : { namespace: attributes.namespace }),
    operation,
    userInfo: {
      username: user.name,
      ...(user.uid === undefined ? {} : { uid: user.uid }),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    // What connects has no object but how it is to be connected.
    object: isConnect ? { apiVersion: "v1", ...options } : (object ?? null),
    oldObject: oldObject ?? null,
    dryRun: attributes.dryRun,
    options: isConnect ? null : { ...options, kind: optionKinds[operation], apiVersion: "meta.k8s.io/v1" },
  };
}

/** A subresource's body may be of another group than its resource. */
function kindOf({ object, oldObject, group, version, kind }: AdmissionAttributes): GroupVersionKind {
  const [own, ownVersion] = groupVersionOf((object ?? oldObject)?.apiVersion ?? apiVersionOf({ group, version }));
  return { group: own, version: ownVersion, kind };
}

function resourceOf({ group, version, resource }: AdmissionAttributes): GroupVersionResource {
  return { group, version, resource };
}

function groupVersionOf(apiVersion: string): readonly [string, string] {
  const slash = apiVersion.indexOf("/");
  return slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** Throws when the answer is none to this request. */
function checkResponse(uid: string, answer: unknown): AdmissionResponse {
  const { apiVersion, kind, response } = (answer ?? {}) as Partial<AdmissionReview>;
  if (apiVersion !== "admission.k8s.io/v1" || kind !== "AdmissionReview") {
    const got = `${apiVersion ?? ""}, Kind=${kind ?? ""}`;
    throw new Error(
      `received invalid webhook response: expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${got}`,
    );
  }
  if (!response) throw new Error("received invalid webhook response: webhook response was absent");
  if (response.uid !== uid) {
    throw new Error(
      `received invalid webhook response: expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? "")}`,
    );
  }
  if (response.patch && response.patchType === undefined) {
    throw new Error("received invalid webhook response: webhook returned response.patch but not response.patchType");
  }
  if (response.patchType !== undefined && response.patchType !== "JSONPatch") {
    const type = JSON.stringify(response.patchType);
    throw new Error(
      `received invalid webhook response: webhook returned invalid response.patchType of ${type}, expected "JSONPatch"`,
    );
  }
  return response;
}

function decodePatch(webhook: string, { patch }: AdmissionResponse): unknown {
  if (!patch) return undefined;
  try {
    return JSON.parse(utf8Decode(base64Decode(patch))) as unknown;
  } catch (error) {
    const why = `received undecodable patch in webhook response: ${errorText(error)}`;
    throw new WebhookCallError(webhook, why, { cause: error });
  }
}
