import type { UserInfo } from "../../apiserver/authentication/user-info.ts";
import type {
  AuthorizationAttributes,
  AuthorizationResult,
  Authorizer,
} from "../../apiserver/authorization/authorizer.ts";

/** Asks each in turn until one has an opinion. */
export class UnionAuthorizer implements Authorizer {
  readonly #authorizers: readonly Authorizer[];

  constructor(authorizers: readonly Authorizer[]) {
    this.#authorizers = authorizers;
  }

  async authorize(attributes: AuthorizationAttributes): Promise<AuthorizationResult> {
    const reasons: string[] = [];
    for (const authorizer of this.#authorizers) {
      const result = await authorizer.authorize(attributes);
      if (result.decision !== "no-opinion") return result;
      if (result.reason) reasons.push(result.reason);
    }
    return { decision: "no-opinion", reason: reasons.join("\n") };
  }

  rulesFor(user: UserInfo, namespace: string): ReturnType<NonNullable<Authorizer["rulesFor"]>> {
    return this.#authorizers.flatMap((authorizer) => authorizer.rulesFor?.(user, namespace) ?? []);
  }

  rulesProblem(user: UserInfo): string | undefined {
    const problems = this.#authorizers.flatMap((authorizer) => authorizer.rulesProblem?.(user) ?? []);
    return problems.length === 0 ? undefined : problems.join(", ");
  }
}
