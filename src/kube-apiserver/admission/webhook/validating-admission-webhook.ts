import { internalError } from "../../../apimachinery/errors/new.ts";
import type {
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
} from "../../../api/admissionregistration/v1/types.gen.ts";
import type { Namespace } from "../../../api/core/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../../apiserver/authorization/authorizer.ts";
import type { StorageLister } from "../../../apiserver/registry/rest/registry-access.ts";
import type { MatchConditions } from "../expressions/match-conditions.ts";
import { invocationOf, isExempt, type Invocation } from "../matching.ts";
import type { WebhookCaller } from "./webhook-caller.ts";
import { WebhookConditions } from "./webhook-conditions.ts";
import { WebhookCallError } from "./webhook-error.ts";

/** Lets webhooks refuse. All are asked at the same time; of several refusals the first in order is answered. */
export class ValidatingAdmissionWebhook implements AdmissionPlugin {
  readonly name = "ValidatingAdmissionWebhook";
  readonly #configurations: Pick<StorageLister<ValidatingWebhookConfiguration>, "list">;
  readonly #namespaces: Pick<StorageLister<Namespace>, "get">;
  readonly #caller: WebhookCaller;
  readonly #conditions: WebhookConditions;

  constructor(options: {
    readonly configurations: Pick<StorageLister<ValidatingWebhookConfiguration>, "list">;
    readonly namespaces: Pick<StorageLister<Namespace>, "get">;
    readonly caller: WebhookCaller;
    readonly matchConditions: MatchConditions;
    readonly authorizer: Authorizer;
  }) {
    this.#configurations = options.configurations;
    this.#namespaces = options.namespaces;
    this.#caller = options.caller;
    this.#conditions = new WebhookConditions(options);
  }

  handles(): boolean {
    return true;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const configurations = this.#configurations.list();
    if (configurations.length === 0 || isExempt(attributes)) return;
    const wanted = [...configurations]
      .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
      .flatMap(({ webhooks = [] }) => webhooks)
      .flatMap((hook) => {
        const invocation = invocationOf({ ...hook, rules: hook.rules ?? [] }, attributes, this.#namespaces);
        return invocation ? [{ hook, invocation }] : [];
      });
    const outcomes = await Promise.allSettled(wanted.map(({ hook, invocation }, i) => this.#ask(hook, invocation, i)));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  }

  async #ask(hook: ValidatingWebhook, invocation: Invocation, index: number): Promise<void> {
    if (!(await this.#conditions.hold(hook, invocation))) return;
    try {
      await this.#caller.call(hook, invocation);
    } catch (error) {
      if (!(error instanceof WebhookCallError)) throw error;
      if (hook.failurePolicy !== "Ignore") throw internalError(error);
      invocation.requested.annotate(
        `failed-open.validating.webhook.admission.k8s.io/round_0_index_${index}`,
        hook.name,
      );
    }
  }
}
