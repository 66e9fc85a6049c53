import { type CelType, dynType } from "./cel-type.ts";

/**
 * What type parameters of signatures have turned out to be, in one expression. Each use of a signature has parameters of its
 * own, see `fresh`.
 */
export class Substitution {
  #known = new Map<string, CelType>();
  #count = 0;

  /** A suffix that makes the parameters of one use of a signature its own. */
  nextUse(): string {
    return `#${++this.#count}`;
  }

  /** Whether a value of type `actual` can stand where `expected` is asked for; learns parameters only when all fit. */
  assign(expected: readonly CelType[], actual: readonly CelType[]): boolean {
    const before = new Map(this.#known);
    const fits = expected.every((type, i) => this.#fits(type, actual[i] ?? dynType));
    if (!fits) this.#known = before;
    return fits;
  }

  /** Parameters replaced by what they are; those nobody told of become dyn when `isFinal`. */
  resolve(type: CelType, isFinal = false): CelType {
    switch (type.kind) {
      case "parameter": {
        const known = this.#known.get(type.name);
        if (known) return this.resolve(known, isFinal);
        return isFinal ? dynType : type;
      }
      case "list":
        return { ...type, element: this.resolve(type.element, isFinal) };
      case "map":
        return { ...type, key: this.resolve(type.key, isFinal), value: this.resolve(type.value, isFinal) };
      case "type":
        return { ...type, of: this.resolve(type.of, isFinal) };
      case "opaque":
        return { ...type, parameters: type.parameters.map((each) => this.resolve(each, isFinal)) };
      default:
        return type;
    }
  }

  #fits(wanted: CelType, given: CelType): boolean {
    const expected = this.resolve(wanted);
    const actual = this.resolve(given);
    if (expected.kind === "parameter") return this.#learn(expected.name, actual);
    if (actual.kind === "parameter") return this.#learn(actual.name, expected);
    if (isAny(expected) || isAny(actual)) return true;
    if (actual.kind === "null") return isNullable(expected);
    switch (expected.kind) {
      case "list":
        return actual.kind === "list" && this.#fits(expected.element, actual.element);
      case "map":
        return (
          actual.kind === "map" && this.#fits(expected.key, actual.key) && this.#fits(expected.value, actual.value)
        );
      case "type":
        return actual.kind === "type";
      case "opaque":
        return (
          actual.kind === "opaque" &&
          actual.name === expected.name &&
          expected.parameters.every((each, i) => this.#fits(each, actual.parameters[i] ?? dynType))
        );
      case "object":
        return actual.kind === "object" && actual.name === expected.name;
      default:
        return actual.kind === expected.kind;
    }
  }

  /** A parameter is never a part of itself. */
  #learn(name: string, type: CelType): boolean {
    if (type.kind === "parameter" && type.name === name) return true;
    if (this.#mentions(type, name)) return false;
    this.#known.set(name, type);
    return true;
  }

  #mentions(type: CelType, name: string): boolean {
    switch (type.kind) {
      case "parameter":
        return type.name === name;
      case "list":
        return this.#mentions(type.element, name);
      case "map":
        return this.#mentions(type.key, name) || this.#mentions(type.value, name);
      case "type":
        return this.#mentions(type.of, name);
      case "opaque":
        return type.parameters.some((each) => this.#mentions(each, name));
      default:
        return false;
    }
  }
}

function isAny(type: CelType): boolean {
  return type.kind === "dyn" || type.kind === "error";
}

function isNullable(type: CelType): boolean {
  return ["null", "timestamp", "duration", "opaque", "object"].includes(type.kind);
}

/** A type of a signature with parameters of one use. */
export function forUse(type: CelType, use: string): CelType {
  switch (type.kind) {
    case "parameter":
      return { ...type, name: type.name + use };
    case "list":
      return { ...type, element: forUse(type.element, use) };
    case "map":
      return { ...type, key: forUse(type.key, use), value: forUse(type.value, use) };
    case "type":
      return { ...type, of: forUse(type.of, use) };
    case "opaque":
      return { ...type, parameters: type.parameters.map((each) => forUse(each, use)) };
    default:
      return type;
  }
}
