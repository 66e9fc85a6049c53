import { CelError, Pending } from "../errors.ts";
import type { OpaqueValue, Value } from "../values/value.ts";
import { namedOpaque, type Functions } from "./signature.ts";

/** What an expression asks the authorizer. */
export interface AccessQuestion {
  /** Undefined: the user of the request. */
  readonly serviceAccount: { readonly namespace: string; readonly name: string } | undefined;
  readonly path: string | undefined;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly verb: string;
  /** As the expression has them. */
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
}

export interface AccessAnswer {
  readonly isAllowed: boolean;
  readonly reason: string;
  /** "" when the authorizer could answer. */
  readonly error: string;
}

/** Answers questions of one request's expressions, each once. */
export class AccessAnswers {
  readonly #ask: (question: AccessQuestion) => Promise<AccessAnswer>;
  readonly #known = new Map<string, AccessAnswer>();

  constructor(ask: (question: AccessQuestion) => Promise<AccessAnswer>) {
    this.#ask = ask;
  }

  /** Throws Pending when it must be waited for. */
  answer(question: AccessQuestion): AccessAnswer {
    const key = JSON.stringify(question);
    const known = this.#known.get(key);
    if (known) return known;
    throw new Pending(this.#ask(question).then((answer) => void this.#known.set(key, answer)));
  }
}

type Check = Partial<Omit<AccessQuestion, "verb">>;

class AccessValue implements OpaqueValue {
  readonly opaque: string;
  readonly answers: AccessAnswers;
  readonly check: Check;

  constructor(type: string, answers: AccessAnswers, check: Check) {
    const named = namedOpaque(type);
    this.opaque = named.kind === "opaque" ? named.name : type;
    this.answers = answers;
    this.check = check;
  }

  with(type: string, check: Check): AccessValue {
    return new AccessValue(type, this.answers, { ...this.check, ...check });
  }

  decide(verb: string): Value {
    const question: AccessQuestion = {
      serviceAccount: undefined,
      path: undefined,
      group: "",
      resource: "",
      subresource: "",
      namespace: "",
      name: "",
      ...this.check,
      verb,
    };
    return new DecisionValue(this.answers.answer(question));
  }
}

class DecisionValue implements OpaqueValue {
  readonly opaque: string;
  readonly answer: AccessAnswer;

  constructor(answer: AccessAnswer) {
    const named = namedOpaque("Decision");
    this.opaque = named.kind === "opaque" ? named.name : "Decision";
    this.answer = answer;
  }
}

/** The variable `authorizer`. */
export function authorizerValue(answers: AccessAnswers): Value {
  return new AccessValue("Authorizer", answers, {});
}

/** The variable `authorizer.requestResource`. */
export function requestResourceValue(answers: AccessAnswers, resource: Omit<AccessQuestion, "verb">): Value {
  return new AccessValue("ResourceCheck", answers, resource);
}

function required(text: string, what: string): string {
  if (text === "") throw new CelError(`${what} must not be empty`);
  return text;
}

const isServiceAccountName = (text: string): boolean => /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(text);

export const authorizerFunctions: Functions = {
  "Authorizer.path(string): PathCheck": ([value, path]: readonly [AccessValue, string]) =>
    value.with("PathCheck", { path: required(path, "path") }),
  "Authorizer.group(string): GroupCheck": ([value, group]: readonly [AccessValue, string]) =>
    value.with("GroupCheck", { group }),
  "Authorizer.serviceAccount(string, string): Authorizer": ([value, namespace, name]: readonly [
    AccessValue,
    string,
    string,
  ]) => {
    if (!isServiceAccountName(name)) throw new CelError("Invalid service account name");
    if (!isServiceAccountName(namespace)) throw new CelError("Invalid service account namespace");
    return value.with("Authorizer", { serviceAccount: { namespace, name } });
  },
  "GroupCheck.resource(string): ResourceCheck": ([value, resource]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { resource: required(resource, "resource") }),
  "ResourceCheck.subresource(string): ResourceCheck": ([value, subresource]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { subresource }),
  "ResourceCheck.namespace(string): ResourceCheck": ([value, namespace]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { namespace }),
  "ResourceCheck.name(string): ResourceCheck": ([value, name]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { name }),
  "ResourceCheck.fieldSelector(string): ResourceCheck": ([value, fieldSelector]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { fieldSelector }),
  "ResourceCheck.labelSelector(string): ResourceCheck": ([value, labelSelector]: readonly [AccessValue, string]) =>
    value.with("ResourceCheck", { labelSelector }),
  "PathCheck.check(string): Decision": ([value, verb]: readonly [AccessValue, string]) => value.decide(verb),
  "ResourceCheck.check(string): Decision": ([value, verb]: readonly [AccessValue, string]) => value.decide(verb),
  "Decision.errored(): bool": ([{ answer }]: readonly [DecisionValue]) => answer.error !== "",
  "Decision.error(): string": ([{ answer }]: readonly [DecisionValue]) => answer.error,
  "Decision.allowed(): bool": ([{ answer }]: readonly [DecisionValue]) => answer.isAllowed,
  "Decision.reason(): string": ([{ answer }]: readonly [DecisionValue]) => answer.reason,
};
