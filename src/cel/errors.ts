/** An evaluation that has no result. `&&`, `||` and the macros built on them may pass over it; nothing else does. */
export class CelError extends Error {}

/** More work than the budget allows; nothing passes over it. */
export class CostError extends Error {
  constructor() {
    super("operation cancelled: actual cost limit exceeded");
  }
}

/** One reason why a text is no expression of the environment. */
export interface Issue {
  readonly at: number;
  readonly message: string;
}

/** The text is no expression of the environment; the message shows each issue with its line, as cel-go prints them. */
export class CompileError extends Error {
  readonly issues: readonly Issue[];

  constructor(text: string, issues: readonly Issue[]) {
    const inOrder = issues.toSorted((a, b) => a.at - b.at);
    super(inOrder.map((issue) => describe(text, issue)).join("\n"));
    this.issues = inOrder;
  }
}

function describe(text: string, { at, message }: Issue): string {
  const before = text.slice(0, at).split("\n");
  const column = Array.from(before.at(-1) ?? "").length;
  const line = text.split("\n")[before.length - 1] ?? "";
  const shown = `ERROR: <input>:${before.length}:${column + 1}: ${message}`;
  return `${shown}\n | ${line.replaceAll("\t", " ")}\n | ${".".repeat(column)}^`;
}

/** An evaluation that needs an answer from elsewhere: to be begun again when the promise is settled. Nothing passes over it. */
export class Pending extends Error {
  readonly answer: Promise<void>;

  constructor(answer: Promise<void>) {
    super("the evaluation waits for an answer");
    this.answer = answer;
  }
}
