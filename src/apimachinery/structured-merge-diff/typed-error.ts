/** What is wrong with a value that does not fit its type, with paths, as upstream words it. */
export class TypedValueError extends Error {
  override readonly name = "TypedValueError";

  constructor(problems: readonly string[]) {
    super(problems.length === 1 ? (problems[0] ?? "") : ["errors:", ...problems.map((p) => `  ${p}`)].join("\n"));
  }
}
