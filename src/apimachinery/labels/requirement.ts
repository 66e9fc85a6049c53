import { aggregateMessages, fieldInvalid, fieldNotSupported, formatFieldError } from "../validation/field-error.ts";
import { type FieldPath, childOf } from "../validation/field-path.ts";
import { isPlainLabelPart, validateLabelValue, validateQualifiedName } from "../validation/names.ts";

/** The labels of an object. Only own properties count. */
export type LabelSet = Readonly<Record<string, string>>;

/** `gt` and `lt` compare integers. */
export type SelectorOperator = "=" | "==" | "!=" | "in" | "notin" | "exists" | "!" | "gt" | "lt";

export const binaryOperators: readonly SelectorOperator[] = ["in", "notin", "=", "==", "!=", "gt", "lt"];

const textOperators: ReadonlySet<SelectorOperator> = new Set(["in", "notin", "=", "==", "!=", "exists", "!"]);

/** Whether objects without the label meet the requirement. */
export function allowsAbsent({ operator }: Requirement): boolean {
  return operator === "!=" || operator === "notin" || operator === "!";
}

/** A text or object that is no selector. The message is upstream's. */
export class SelectorError extends Error {
  override readonly name = "SelectorError";
}

/** One condition of a selector. */
export interface Requirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** Checks a condition's parts. Throws SelectorError with all that is wrong. */
export function newRequirement(
  key: string,
  operator: SelectorOperator,
  given: readonly string[] | undefined,
  path?: FieldPath,
): Requirement {
  const values = given ?? [];
  // Nearly always: worth neither paths nor lists of messages.
  if (textOperators.has(operator) && isPlainLabelPart(key) && values.every(isPlainLabelPart))
    if (checkValueCount(operator, values.length) === undefined) return { key, operator, values };
  const errors = [];
  const keyMessages = validateQualifiedName(key);
  if (keyMessages.length > 0) errors.push(fieldInvalid(childOf(path, "key"), key, keyMessages.join("; ")));
  const valuesPath = childOf(path, "values");
  const countMessage = checkValueCount(operator, values.length);
  if (countMessage !== undefined) errors.push(fieldInvalid(valuesPath, given ?? null, countMessage));
  if (operator === "gt" || operator === "lt") {
    for (const [i, value] of values.entries()) {
      if (parseInt64(value) !== undefined) continue;
      errors.push(fieldInvalid(valuesPath.index(i), value, "for 'Gt', 'Lt' operators, the value must be an integer"));
    }
  } else if (![...binaryOperators, "exists", "!"].includes(operator)) {
    errors.push(fieldNotSupported(childOf(path, "operator"), operator, [...binaryOperators, "exists", "!"]));
  }
  for (const [i, value] of values.entries()) {
    const messages = validateLabelValue(value);
    if (messages.length > 0) errors.push(fieldInvalid(valuesPath.index(i).key(key), value, messages.join("; ")));
  }
  if (errors.length > 0) throw new SelectorError(aggregateMessages(errors.map(formatFieldError)));
  return { key, operator, values };
}

export function requirementMatches({ key, operator, values }: Requirement, labels: LabelSet): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case "=":
    case "==":
    case "in":
      return value !== undefined && values.includes(value);
    case "!=":
    case "notin":
      return value === undefined || !values.includes(value);
    case "exists":
      return value !== undefined;
    case "!":
      return value === undefined;
    case "gt":
    case "lt": {
      const actual = parseInt64(value ?? "");
      const bound = parseInt64(values[0] ?? "");
      if (actual === undefined || bound === undefined) return false;
      return operator === "gt" ? actual > bound : actual < bound;
    }
  }
}

/** The condition as text that parses back to it; values are sorted. */
export function formatRequirement({ key, operator, values }: Requirement): string {
  const list = [...values].sort().join(",");
  switch (operator) {
    case "exists":
      return key;
    case "!":
      return `!${key}`;
    case "in":
    case "notin":
      return `${key} ${operator} (${list})`;
    case "gt":
      return `${key}>${list}`;
    case "lt":
      return `${key}<${list}`;
    case "=":
    case "==":
    case "!=":
      return `${key}${operator}${list}`;
  }
}

function checkValueCount(operator: SelectorOperator, count: number): string | undefined {
  switch (operator) {
    case "in":
    case "notin":
      return count === 0 ? "for 'in', 'notin' operators, values set can't be empty" : undefined;
    case "=":
    case "==":
    case "!=":
      return count === 1 ? undefined : "exact-match compatibility requires one single value";
    case "exists":
    case "!":
      return count === 0 ? undefined : "values set must be empty for exists and does not exist";
    case "gt":
    case "lt":
      return count === 1 ? undefined : "for 'Gt', 'Lt' operators, exactly one value is required";
  }
}

/** Undefined when the text is no integer of 64 bits. */
function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]{1,64}$/.test(text)) return undefined;
  const value = BigInt(text.startsWith("+") ? text.slice(1) : text);
  return BigInt.asIntN(64, value) === value ? value : undefined;
}
