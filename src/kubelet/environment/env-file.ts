/**
 * The value of a variable in an environment file; undefined when it is not in it. The format is the part of a shell's in
 * which nothing needs to be understood: `NAME='anything but a quote'`, over several lines if need be, comments after `#`.
 * Throws on a line before the variable that is none of this.
 */
export function envFileValue(text: string, name: string): string | undefined {
  const scanner = new LineScanner(text);
  for (let line = scanner.next(); line !== undefined; line = scanner.next()) {
    const trimmed = line.replace(/^[ \t]+/, "");
    if (trimmed === "" || trimmed.startsWith("#")) continue;
    const [, variable, value = ""] = /^([^=]+?)=(.*)$/s.exec(trimmed) ?? [];
    if (variable === undefined) throw scanner.problem(trimmed.includes("=") ? "empty variable name" : "missing '='");
    if (/[ \t]$/.test(variable)) throw scanner.problem("whitespace before '=' is not allowed");
    // To a shell `NAME= 'x'` sets the empty string and runs a command x.
    const found = /^[ \t]/.test(value) ? "" : quoted(value, scanner);
    if (variable === name) return found;
  }
  return undefined;
}

function quoted(value: string, scanner: LineScanner): string {
  if (!value.startsWith("'")) throw scanner.problem("value must be enclosed in single quotes");
  let content = "";
  let rest: string | undefined = value.slice(1);
  while (rest !== undefined && !rest.includes("'")) {
    content += `${rest}\n`;
    rest = scanner.next();
  }
  if (rest === undefined) throw scanner.problem("unclosed single quote");
  const end = rest.indexOf("'");
  const after = rest.slice(end + 1).replace(/^[ \t]+/, "");
  if (after !== "" && !after.startsWith("#")) throw scanner.problem("unexpected content after closing quote");
  return content + rest.slice(0, end);
}

class LineScanner {
  readonly #lines: readonly string[];
  #position = 0;

  constructor(text: string) {
    const lines = text.split("\n").map((line) => line.replace(/\r$/, ""));
    this.#lines = lines.at(-1) === "" ? lines.slice(0, -1) : lines;
  }

  next(): string | undefined {
    return this.#lines[this.#position++];
  }

  problem(what: string): Error {
    const line = Math.min(this.#position, this.#lines.length);
    return new Error(`invalid environment variable format at line ${line}: ${what}`);
  }
}
