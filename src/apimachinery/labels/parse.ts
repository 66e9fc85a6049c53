import { fieldInvalid, formatFieldError } from "../validation/field-error.ts";
import { type FieldPath } from "../validation/field-path.ts";
import { isPlainLabelPart, validateQualifiedName } from "../validation/names.ts";
import {
  type Requirement,
  SelectorError,
  type SelectorOperator,
  binaryOperators,
  newRequirement,
} from "./requirement.ts";
import { Selector } from "./selector.ts";

/**
 * Reads the text form of a selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
 * Throws SelectorError; `path` is where the text came from, for its message.
 */
export function parseSelector(text: string, path?: FieldPath): Selector {
  return Selector.of(new Parser(text, path).parse());
}

type TokenType = "end" | "identifier" | "word" | "symbol";

interface Token {
  /** `word` is `in` or `notin`, which are operators after a key and identifiers elsewhere. */
  readonly type: TokenType;
  readonly text: string;
}

const tokenPattern = /==|!=|[=!(),<>]|[^ \t\r\n=!(),<>]+/g;
const symbolPattern = /^[=!(),<>]/;

const operatorOfSymbol: Readonly<Record<string, SelectorOperator>> = {
  "=": "=",
  "==": "==",
  "!=": "!=",
  ">": "gt",
  "<": "lt",
  in: "in",
  notin: "notin",
};

class Parser {
  readonly #tokens: readonly Token[];
  readonly #path: FieldPath | undefined;
  #position = 0;

  constructor(text: string, path: FieldPath | undefined) {
    this.#tokens = tokenize(text);
    this.#path = path;
  }

  parse(): Requirement[] {
    const requirements: Requirement[] = [];
    for (;;) {
      const first = this.#peek();
      if (first.type === "end") return requirements;
      if (!startsRequirement(first)) fail(`found '${first.text}', expected: !, identifier, or 'end of string'`);
      requirements.push(this.#requirement());
      const separator = this.#next();
      if (separator.type === "end") return requirements;
      if (separator.text !== ",") fail(`found '${separator.text}', expected: ',' or 'end of string'`);
      const following = this.#peek();
      if (!startsRequirement(following)) fail(`found '${following.text}', expected: identifier after ','`);
    }
  }

  #requirement(): Requirement {
    try {
      return this.#readRequirement();
    } catch (error) {
      if (error instanceof SelectorError) fail(`unable to parse requirement: ${error.message}`);
      throw error;
    }
  }

  #readRequirement(): Requirement {
    let token = this.#next();
    const isNegated = token.text === "!";
    if (isNegated) token = this.#next();
    if (!isIdentifier(token)) fail(`found '${token.text}', expected: identifier`);
    const key = token.text;
    const messages = isPlainLabelPart(key) ? [] : validateQualifiedName(key);
    if (messages.length > 0) fail(formatFieldError(fieldInvalid(this.#path, key, messages.join("; "))));
    if (isNegated) return newRequirement(key, "!", [], this.#path);
    if (this.#atRequirementEnd()) return newRequirement(key, "exists", [], this.#path);
    const operator = this.#operator();
    const values = operator === "in" || operator === "notin" ? this.#valueList() : [this.#exactValue()];
    return newRequirement(key, operator, [...new Set(values)].sort(), this.#path);
  }

  #operator(): SelectorOperator {
    const token = this.#next();
    const operator = token.type === "identifier" ? undefined : operatorOfSymbol[token.text];
    return operator ?? fail(`found '${token.text}', expected: ${binaryOperators.join(", ")}`);
  }

  #exactValue(): string {
    if (this.#atRequirementEnd()) return "";
    const token = this.#next();
    if (!isIdentifier(token)) fail(`found '${token.text}', expected: identifier`);
    return token.text;
  }

  /** Values in parentheses; an empty place between commas is the empty value. */
  #valueList(): string[] {
    const open = this.#next();
    if (open.text !== "(") fail(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.text !== ")" && first.text !== "," && !isIdentifier(first)) {
      fail(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values: string[] = [];
    for (let value = ""; ;) {
      const token = this.#next();
      if (isIdentifier(token)) {
        const after = this.#peek();
        if (after.text !== "," && after.text !== ")") fail(`found '${after.text}', expected: ',' or ')'`);
        value = token.text;
      } else if (token.text === ",") {
        values.push(value);
        value = "";
      } else if (token.text === ")") {
        values.push(value);
        return values;
      } else {
        fail(`found '${token.text}', expected: ',', or identifier`);
      }
    }
  }

  #atRequirementEnd(): boolean {
    const token = this.#peek();
    return token.type === "end" || token.text === ",";
  }

  #peek(): Token {
    return this.#tokens[this.#position] ?? end;
  }

  #next(): Token {
    const token = this.#peek();
    this.#position++;
    return token;
  }
}

const end: Token = { type: "end", text: "" };

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const token of text.match(tokenPattern) ?? []) {
    if (symbolPattern.test(token)) tokens.push({ type: "symbol", text: token });
    else tokens.push({ type: token === "in" || token === "notin" ? "word" : "identifier", text: token });
  }
  return tokens;
}

function isIdentifier(token: Token): boolean {
  return token.type === "identifier" || token.type === "word";
}

function startsRequirement(token: Token): boolean {
  return isIdentifier(token) || token.text === "!";
}

function fail(message: string): never {
  throw new SelectorError(message);
}
