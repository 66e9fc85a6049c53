import type { LabelSelector } from "../meta/v1/types.gen.ts";
import { goQuote } from "../go-format.ts";
import {
  type LabelSet,
  type Requirement,
  SelectorError,
  type SelectorOperator,
  allowsAbsent,
  formatRequirement,
  newRequirement,
  requirementMatches,
} from "./requirement.ts";

/** Which labels to select: all of its requirements hold. Immutable. */
export class Selector {
  /** Sorted by key. */
  readonly requirements: readonly Requirement[];
  /** Selects no object whatsoever; not the same as having no requirements, which selects every object. */
  readonly isNothing: boolean;
  #index: RequirementIndex | undefined;

  private constructor(requirements: readonly Requirement[], isNothing: boolean) {
    this.requirements = requirements;
    this.isNothing = isNothing;
  }

  static readonly everything: Selector = new Selector([], false);
  static readonly nothing: Selector = new Selector([], true);

  static of(requirements: readonly Requirement[]): Selector {
    return requirements.length === 0 ? Selector.everything : new Selector(sortedByKey(requirements), false);
  }

  /** True when it selects every object. */
  get isEverything(): boolean {
    return !this.isNothing && this.requirements.length === 0;
  }

  matches(labels: LabelSet | undefined): boolean {
    if (this.isNothing) return false;
    if (this.requirements.length > indexedMin) {
      this.#index ??= new RequirementIndex(this.requirements);
      return this.#index.matches(labels ?? noLabels);
    }
    for (const requirement of this.requirements) {
      if (!requirementMatches(requirement, labels ?? noLabels)) return false;
    }
    return true;
  }

  /** This selector and the requirements besides. */
  add(...requirements: readonly Requirement[]): Selector {
    return this.isNothing ? this : Selector.of([...this.requirements, ...requirements]);
  }

  /** The one value the label must have, or undefined when the selector leaves a choice. */
  requiredValue(key: string): string | undefined {
    const requirement = this.requirements.find((r) => r.key === key);
    if (requirement === undefined || requirement.values.length !== 1) return undefined;
    return ["=", "==", "in"].includes(requirement.operator) ? requirement.values[0] : undefined;
  }

  toString(): string {
    return this.requirements.map(formatRequirement).join(",");
  }
}

const noLabels: LabelSet = {};

/** With more requirements than this, they are looked up by the labels an object has. */
const indexedMin = 16;

/** Many requirements, sorted so that an object costs as many looks as it has labels, however many there are. */
class RequirementIndex {
  /** Those that an object without the label does not meet: the first such ends it. */
  readonly #demanding: Requirement[] = [];
  /** All others, by key. */
  readonly #refusing = new Map<string, Requirement[]>();

  constructor(requirements: readonly Requirement[]) {
    for (const requirement of requirements) {
      if (!allowsAbsent(requirement)) {
        this.#demanding.push(requirement);
        continue;
      }
      const same = this.#refusing.get(requirement.key);
      if (same) same.push(requirement);
      else this.#refusing.set(requirement.key, [requirement]);
    }
  }

  matches(labels: LabelSet): boolean {
    if (!this.#demanding.every((requirement) => requirementMatches(requirement, labels))) return false;
    for (const key of Object.keys(labels)) {
      const refusing = this.#refusing.get(key);
      if (refusing && !refusing.every((requirement) => requirementMatches(requirement, labels))) return false;
    }
    return true;
  }
}

/** Selects what has at least these labels. They are not checked; the empty set selects everything. */
export function selectorFromSet(labels: LabelSet | undefined): Selector {
  const requirements = Object.entries(labels ?? {}).map(([key, value]): Requirement => ({
    key,
    operator: "=",
    values: [value],
  }));
  return Selector.of(requirements);
}

const operatorOf: Readonly<Record<string, SelectorOperator>> = {
  In: "in",
  NotIn: "notin",
  Exists: "exists",
  DoesNotExist: "!",
};

/** The selector an API object holds. Absent selects nothing, empty selects everything. Throws SelectorError. */
export function selectorFromLabelSelector(selector: LabelSelector | undefined): Selector {
  if (selector === undefined) return Selector.nothing;
  const requirements: Requirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push(newRequirement(key, "=", [value]));
  }
  for (const expression of selector.matchExpressions ?? []) {
    const operator = Object.hasOwn(operatorOf, expression.operator) ? operatorOf[expression.operator] : undefined;
    if (operator === undefined) {
      throw new SelectorError(`${goQuote(expression.operator)} is not a valid label selector operator`);
    }
    requirements.push(newRequirement(expression.key, operator, expression.values));
  }
  return Selector.of(requirements);
}

/** As tables show it: `<none>` when empty, `<error>` when it is no selector. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  try {
    const text = selectorFromLabelSelector(selector).toString();
    return text === "" ? "<none>" : text;
  } catch (error) {
    if (error instanceof SelectorError) return "<error>";
    throw error;
  }
}

function sortedByKey(requirements: readonly Requirement[]): readonly Requirement[] {
  return [...requirements].sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -1 : 1));
}
