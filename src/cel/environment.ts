import { type Checked, checkExpression, type Declarations, namedTypes } from "./check/checker.ts";
import { literalIssues } from "./check/literals.ts";
import { CelError, CompileError, Pending } from "./errors.ts";
import type { Budget } from "./eval/budget.ts";
import { type Code, compileExpression } from "./eval/compile.ts";
import { authorizerFunctions } from "./library/authorizer.ts";
import { collectionFunctions } from "./library/collections.ts";
import { kubernetesFunctions } from "./library/kubernetes.ts";
import { optionalFunctions } from "./library/optionals.ts";
import { Regexps } from "./library/regexps.ts";
import { type Overload, overloadsOf } from "./library/signature.ts";
import { standardFunctions } from "./library/standard.ts";
import { stringFunctions } from "./library/strings.ts";
import type { Expr } from "./syntax/ast.ts";
import { parseExpression } from "./syntax/parser.ts";
import type { CelType } from "./types/cel-type.ts";
import type { Value } from "./values/value.ts";

/** Types expressions may make values of, `Object{…}`. */
export interface StructTypes {
  type(name: string): CelType | undefined;
  /** Throws CelError. */
  make(name: string, fields: ReadonlyMap<string, Value>): Value;
}

/** Values of variables; undefined for those that have none. A failure to make one is that of the expression. */
export type Variables = (name: string) => Value | undefined;

/** What expressions may refer to: Kubernetes' functions, and variables by name (`authorizer.requestResource` is one name). */
export class Environment implements Declarations {
  readonly #functions: ReadonlyMap<string, readonly Overload[]>;
  readonly #variables: ReadonlyMap<string, CelType>;
  readonly #structs: StructTypes | undefined;

  private constructor(
    functions: ReadonlyMap<string, readonly Overload[]>,
    variables: ReadonlyMap<string, CelType>,
    structs: StructTypes | undefined,
  ) {
    this.#functions = functions;
    this.#variables = variables;
    this.#structs = structs;
  }

  /** With all functions and no variable. Costs some milliseconds; make one and extend it. */
  static create(): Environment {
    const regexps = new Regexps();
    const overloads = overloadsOf({
      ...standardFunctions(regexps),
      ...stringFunctions,
      ...collectionFunctions,
      ...optionalFunctions,
      ...kubernetesFunctions(regexps),
      ...authorizerFunctions,
    });
    return new Environment(
      Map.groupBy(overloads, ({ name }) => name),
      new Map(),
      undefined,
    );
  }

  /** The same and these variables. */
  extend(variables: Readonly<Record<string, CelType>>, structs: StructTypes | undefined = this.#structs): Environment {
    return new Environment(this.#functions, new Map([...this.#variables, ...Object.entries(variables)]), structs);
  }

  variable(name: string): CelType | undefined {
    return this.#variables.get(name);
  }

  functions(name: string): readonly Overload[] {
    return this.#functions.get(name) ?? [];
  }

  type(name: string): CelType | undefined {
    return namedTypes.get(name) ?? this.#structs?.type(name);
  }

  /** What a text says, without making it ready to be evaluated. Throws CompileError. */
  check(text: string): Checked {
    const checked = checkExpression(parseExpression(text), this);
    const { expr, issues } = checked;
    const allIssues = issues.length > 0 ? issues : literalIssues(expr);
    if (allIssues.length > 0) throw new CompileError(text, allIssues);
    return checked;
  }

  /** Throws CompileError. */
  compile(text: string): Program {
    const { expr, type } = this.check(text);
    const code = compileExpression(expr, {
      functions: (name) => this.functions(name),
      makeStruct: (name, fields) => {
        if (!this.#structs) throw new CelError(`no type ${name}`);
        return this.#structs.make(name, fields);
      },
    });
    return new Program(expr, type, code);
  }
}

/** An expression ready to be evaluated, any number of times. */
export class Program {
  readonly expr: Expr;
  /** Of its results. */
  readonly type: CelType;
  readonly #code: Code;

  constructor(expr: Expr, type: CelType, code: Code) {
    this.expr = expr;
    this.type = type;
    this.#code = code;
  }

  /** Throws CelError when there is no result, CostError when the budget is spent, Pending when it has to wait. */
  run(variables: Variables, budget: Budget): Value {
    try {
      return this.#code({ budget, variable: variables, slots: [] });
    } catch (error) {
      // Expressions are nested less deep than the stack is, values may not be.
      if (error instanceof RangeError) throw new CelError("the value is nested too deep");
      throw error;
    }
  }

  /** The same, waiting for what the expression asks for. */
  async evaluate(variables: Variables, budget: Budget): Promise<Value> {
    for (;;) {
      try {
        return this.run(variables, budget);
      } catch (error) {
        if (!(error instanceof Pending)) throw error;
        await error.answer;
      }
    }
  }
}
