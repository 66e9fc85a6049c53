import { internalError } from "../../../apimachinery/errors/new.ts";
import { cloneJson, deepEqual } from "../../../apimachinery/object.ts";
import { applyJsonPatch } from "../../../apimachinery/patch/json-patch.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import type { Scheme } from "../../../apimachinery/scheme/scheme.ts";
import type { MutatingWebhook, MutatingWebhookConfiguration } from "../../../api/admissionregistration/v1/types.gen.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../../apiserver/authorization/authorizer.ts";
import type { StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import type { MatchConditions } from "../expressions/match-conditions.ts";
import { invocationOf, isExempt, replaceObject, type Invocation } from "../matching.ts";
import { Reinvocation } from "../reinvocation.ts";
import type { WebhookCaller } from "./webhook-caller.ts";
import { WebhookConditions } from "./webhook-conditions.ts";
import { WebhookCallError } from "./webhook-error.ts";

const annotationDomain = "mutation.webhook.admission.k8s.io";

/**
 * Lets webhooks change what is written, one after the other: by name of the configuration, then in its order. A change
 * lets the whole chain run a second time, in which webhooks with `reinvocationPolicy: IfNeeded` see what others did after
 * them.
 */
export class MutatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = "MutatingAdmissionWebhook";
  readonly #configurations: Pick<StorageLister<MutatingWebhookConfiguration>, "list">;
  readonly #namespaces: Pick<StorageLister<Namespace>, "get">;
  readonly #caller: WebhookCaller;
  readonly #conditions: WebhookConditions;
  readonly #scheme: Scheme;

  constructor(options: {
    readonly configurations: Pick<StorageLister<MutatingWebhookConfiguration>, "list">;
    readonly namespaces: Pick<StorageLister<Namespace>, "get">;
    readonly caller: WebhookCaller;
    readonly matchConditions: MatchConditions;
    readonly authorizer: Authorizer;
    readonly scheme: Scheme;
  }) {
    this.#configurations = options.configurations;
    this.#namespaces = options.namespaces;
    this.#caller = options.caller;
    this.#conditions = new WebhookConditions(options);
    this.#scheme = options.scheme;
  }

  handles(): boolean {
    return true;
  }

  async admit(attributes: AdmissionAttributes): Promise<void> {
    const configurations = this.#configurations.list();
    if (configurations.length === 0 || isExempt(attributes)) return;
    const { rounds } = attributes;
    const reinvocation = Reinvocation.of(this.name, attributes);
    const sorted = [...configurations].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
    let index = -1;
    for (const { metadata, webhooks = [] } of sorted) {
      for (const [i, hook] of webhooks.entries()) {
        index++;
        const id = `${metadata.uid}/${i}`;
        if (!reinvocation.takes(id, attributes)) continue;
        const invocation = invocationOf({ ...hook, rules: hook.rules ?? [] }, attributes, this.#namespaces);
        if (!invocation || !(await this.#conditions.hold(hook, invocation))) continue;
        const position = `round_${rounds.isSecond ? 1 : 0}_index_${index}`;
        const hasChanged = await this.#ask(hook, invocation, metadata.name, position);
        const wantsMore = hook.reinvocationPolicy === "IfNeeded";
        reinvocation.done(id, attributes, { hasChanged, wantsMore });
      }
    }
    reinvocation.end(attributes);
  }

  /** Whether the object was changed. */
  async #ask(hook: MutatingWebhook, invocation: Invocation, configuration: string, position: string): Promise<boolean> {
    const { requested: attributes, seen } = invocation;
    let hasChanged = false;
    const about = { configuration, webhook: hook.name };
    try {
      const { patch } = await this.#caller.call(hook, invocation);
      hasChanged = Array.isArray(patch) && patch.length > 0 && this.#apply(hook, seen, patch);
      if (hasChanged) {
        invocation.takeOver();
        const text = JSON.stringify({ ...about, patch, patchType: "JSONPatch" });
        attributes.annotate(`patch.webhook.admission.k8s.io/${position}`, text);
      }
    } catch (error) {
      if (!(error instanceof WebhookCallError)) throw error;
      if (hook.failurePolicy !== "Ignore") throw internalError(error);
      attributes.annotate(`failed-open.${annotationDomain}/${position}`, hook.name);
    }
    attributes.annotate(`${annotationDomain}/${position}`, JSON.stringify({ ...about, mutated: hasChanged }));
    return hasChanged;
  }

  #apply(hook: MutatingWebhook, { object }: AdmissionAttributes, patch: unknown): boolean {
    if (!object) {
      const why = "attempted to modify the object, which is not supported for this operation";
      throw internalError(new Error(`admission webhook "${hook.name}" ${why}`));
    }
    const before = cloneJson(object);
    let patched: unknown;
    try {
      patched = this.#decode(applyJsonPatch(object, patch));
    } catch (error) {
      throw internalError(error);
    }
    replaceObject(object, patched as Mutable<KubeObject>);
    return !deepEqual(before, object);
  }

  /** In normal form and with its defaults: a webhook may have added anything. */
  #decode(patched: unknown): unknown {
    const { apiVersion = "", kind = "" } = patched as Partial<KubeObject>;
    const slash = apiVersion.indexOf("/");
    const [group, version] = slash < 0 ? ["", apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
    const known = this.#scheme.kind(group, version, kind);
    if (!known) return patched;
    const { object } = known.decode(patched);
    known.applyDefaults(object);
    return object;
  }
}
