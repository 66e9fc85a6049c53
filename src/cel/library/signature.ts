import type { Budget } from "../eval/budget.ts";
import {
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullType,
  opaqueType,
  optionalOf,
  stringType,
  timestampType,
  uintType,
} from "../types/cel-type.ts";
import type { Value } from "../values/value.ts";

/** One way to call a function. */
export interface Overload {
  readonly name: string;
  /** Called as `first.name(rest)`. */
  readonly isMember: boolean;
  readonly parameters: readonly CelType[];
  readonly result: CelType;
  /** Throws CelError when there is no result. Charges what it costs beyond one unit. */
  call(args: readonly Value[], budget: Budget): Value;
}

type Implementation = (args: never, budget: Budget) => Value;

/** Functions by their signatures, as `function` reads them. Implementations may rely on the types of their arguments. */
export type Functions = Readonly<Record<string, Implementation>>;

export function overloadsOf(functions: Functions): readonly Overload[] {
  return Object.entries(functions).map(([signature, implementation]) => overload(signature, implementation));
}

/**
 * `name(types): type` or, for those called on their first argument, `type.name(types): type`. Types are the language's,
 * `list<…>`, `map<…, …>`, `optional<…>`, opaque ones by their name in Kubernetes, and single capitals as parameters.
 */
function overload(signature: string, implementation: Implementation): Overload {
  const read = new SignatureReader(signature).signature();
  return { ...read, call: (args, budget) => implementation(args as never, budget) };
}

const simpleTypes: Readonly<Record<string, CelType>> = {
  bool: boolType,
  int: intType,
  uint: uintType,
  double: doubleType,
  string: stringType,
  bytes: bytesType,
  null: nullType,
  timestamp: timestampType,
  duration: durationType,
  dyn: dynType,
};

const opaqueNames: Readonly<Record<string, string>> = {
  Authorizer: "kubernetes.authorization.Authorizer",
  PathCheck: "kubernetes.authorization.PathCheck",
  GroupCheck: "kubernetes.authorization.GroupCheck",
  ResourceCheck: "kubernetes.authorization.ResourceCheck",
  Decision: "kubernetes.authorization.Decision",
  Quantity: "kubernetes.Quantity",
  Semver: "kubernetes.Semver",
  Url: "kubernetes.URL",
  Ip: "net.IP",
  Cidr: "net.CIDR",
  NamedFormat: "kubernetes.NamedFormat",
};

/** An opaque type by its name in signatures. */
export function namedOpaque(name: keyof typeof opaqueNames): CelType {
  return opaqueType(opaqueNames[name] ?? name);
}

class SignatureReader {
  readonly #head: string;
  readonly #tokens: readonly string[];
  #next = 0;

  constructor(signature: string) {
    const opening = signature.indexOf("(");
    this.#head = signature.slice(0, opening);
    this.#tokens = signature.slice(opening).match(/[\w.]+|[<>(),:]/g) ?? [];
  }

  signature(): Omit<Overload, "call"> {
    const [, receiver = "", method = ""] = /^(\w+(?:<.*>)?)\.([\w@]+)$/.exec(this.#head) ?? [];
    const first = receiver === "" ? undefined : typeOf(receiver);
    const parameters = first ? [first] : [];
    this.#expect("(");
    while (this.#tokens[this.#next] !== ")") {
      parameters.push(this.#type());
      if (this.#tokens[this.#next] === ",") this.#next++;
    }
    this.#expect(")");
    this.#expect(":");
    return { name: first ? method : this.#head, isMember: first !== undefined, parameters, result: this.#type() };
  }

  static type(text: string): CelType {
    return new SignatureReader(`(${text}`).#type(1);
  }

  #type(from = this.#next): CelType {
    this.#next = from;
    const name = this.#take();
    if (this.#tokens[this.#next] !== "<") {
      const type = typeNamed(name);
      if (!type) throw new Error(`a signature names the unknown type ${name}`);
      return type;
    }
    this.#next++;
    const parameters = [this.#type()];
    while (this.#tokens[this.#next] === ",") parameters.push(this.#type(this.#next + 1));
    this.#expect(">");
    const [first = dynType, second = dynType] = parameters;
    if (name === "list") return listOf(first);
    if (name === "map") return mapOf(first, second);
    if (name === "type") return { kind: "type", of: first };
    if (name === "optional") return optionalOf(first);
    throw new Error(`a signature names the unknown type ${name}`);
  }

  #take(): string {
    return this.#tokens[this.#next++] ?? "";
  }

  #expect(sign: string): void {
    const token = this.#take();
    if (token !== sign) throw new Error(`a signature has ${token} where ${sign} is expected`);
  }
}

/** What stands before a dot: a type, or undefined when it is a part of the function's name. */
function typeOf(text: string): CelType | undefined {
  return text.includes("<") ? SignatureReader.type(text) : typeNamed(text);
}

function typeNamed(name: string): CelType | undefined {
  const simple = Object.hasOwn(simpleTypes, name) ? simpleTypes[name] : undefined;
  if (simple) return simple;
  if (Object.hasOwn(opaqueNames, name)) return namedOpaque(name);
  return /^[A-Z]$/.test(name) ? { kind: "parameter", name } : undefined;
}
