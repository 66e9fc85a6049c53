import { forbidden } from "../../../apimachinery/errors/new.ts";
import type { MutatingWebhook, ValidatingWebhook } from "../../../api/admissionregistration/v1/types.gen.ts";
import type { Authorizer } from "../../../apiserver/authorization/authorizer.ts";
import { accessAnswers } from "../expressions/admission-run.ts";
import type { MatchConditions } from "../expressions/match-conditions.ts";
import type { Invocation } from "../matching.ts";

/** The match conditions of webhooks. */
export class WebhookConditions {
  readonly #conditions: MatchConditions;
  readonly #authorizer: Authorizer;

  constructor(options: { readonly matchConditions: MatchConditions; readonly authorizer: Authorizer }) {
    this.#conditions = options.matchConditions;
    this.#authorizer = options.authorizer;
  }

  /** Whether the webhook is to be asked. Throws Forbidden when that cannot be told and the webhook may not be passed over. */
  async hold(hook: MutatingWebhook | ValidatingWebhook, invocation: Invocation): Promise<boolean> {
    const { matchConditions = [], failurePolicy } = hook;
    if (matchConditions.length === 0) return true;
    const { requested } = invocation;
    const answers = accessAnswers(this.#authorizer, requested.user);
    const input = { invocation, namespace: undefined, params: undefined, answers };
    const result = await this.#conditions.evaluate(matchConditions, input, false);
    if ("matches" in result) return result.matches;
    if (failurePolicy === "Ignore") return false;
    const { group, resource, name } = requested;
    throw forbidden({ group, resource }, name, result.failure);
  }
}
