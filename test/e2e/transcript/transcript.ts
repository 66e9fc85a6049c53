/**
 * One command of a transcript and what it is expected to print.
 *
 * The file is plain text: `# comment`, `$ command` with `> ` before each further line of it, then its output (standard
 * output and error together) and `[exit N]` when it does not exit with 0. `$~ command` is repeated until it prints what
 * is expected, for what a cluster reaches by itself.
 */
export interface Step {
  readonly line: number;
  /** Comments and blank lines before the command, verbatim. */
  readonly preamble: readonly string[];
  readonly command: string;
  readonly isRepeated: boolean;
  readonly expected: readonly string[];
}

export interface Transcript {
  readonly steps: readonly Step[];
  /** What stands after the last step. */
  readonly tail: readonly string[];
}

// What varies from run to run. In a written transcript everything the pattern finds at `found` becomes the placeholder.
const placeholders: readonly { readonly name: string; readonly pattern: string; readonly found?: RegExp }[] = [
  {
    name: "<time>",
    pattern: String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z`,
    found: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g,
  },
  {
    name: "<date>",
    pattern: String.raw`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}`,
    found: /[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g,
  },
  {
    name: "<uid>",
    pattern: "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
    found: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
  },
  {
    name: "<stamp>",
    pattern: String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}`,
    found: /\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g,
  },
  { name: "<digest>", pattern: "[0-9a-f]{64}", found: /\b[0-9a-f]{64}\b/g },
  { name: "<node>", pattern: "node-[12]" },
  { name: "<rv>", pattern: String.raw`\d+`, found: /(?<=resourceVersion"?: ")\d+/g },
  { name: "<ip>", pattern: String.raw`\d+\.\d+\.\d+\.\d+`, found: /\b(?:10\.\d+|127\.0|198\.18)\.\d+\.\d+\b/g },
  {
    name: "<age>",
    pattern: String.raw`(?:\d+(?:d|h|ms|m|s))+(?: \(x\d+ over (?:\d+[hms])+\))?|<invalid>`,
    found: /(?<=^| {2,}|\()(?:\d+m)?\d+s(?: \(x\d+ over (?:\d+m)?\d+s\))?(?=$| {2,}|\)| ago)|<invalid>/g,
  },
  {
    name: "<hash>-<suffix>",
    pattern: "",
    found: /\b[bcdf0-9ghjklmnpqrstvwxz]{8,10}-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g,
  },
  {
    name: "<hash>",
    pattern: "[a-z0-9]{5,12}",
    found: /(?<=-|hash=|hash: )(?=[a-z]*\d)[bcdf0-9ghjklmnpqrstvwxz]{8,10}\b/g,
  },
  { name: "<suffix>", pattern: "[a-z0-9]{5}", found: /(?<=kube-api-access-)[a-z0-9]{5}\b/g },
  { name: "<port>", pattern: String.raw`\d+`, found: /(?<=:)3[0-2]\d{3}(?=\/)|(?<=127\.0\.0\.1:)\d+|(?<=<ip>:)\d{5}/g },
  { name: "<took>", pattern: String.raw`[\d.]+(?:µs|ms|s)`, found: /\d[\d.]*(?:µs|ms)/g },
  { name: "<amount>", pattern: String.raw`\d+(?:Ki|Mi)?` },
  { name: "<any>", pattern: ".*?" },
];

export function parseTranscript(text: string): Transcript {
  const steps: Step[] = [];
  let preamble: string[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (let i = 0; i < lines.length;) {
    const line = lines[i] ?? "";
    if (!isCommand(line)) {
      preamble.push(line);
      i++;
      continue;
    }
    const isRepeated = line.startsWith("$~");
    const start = i;
    let command = line.slice(isRepeated ? 3 : 2);
    for (i++; i < lines.length && /^>(?: |$)/.test(lines[i] ?? ""); i++) command += `\n${(lines[i] ?? "").slice(2)}`;
    const expected: string[] = [];
    // A comment has a blank line before it; without, it is output that begins like one.
    const isComment = (): boolean => lines[i - 1] === "" && (lines[i] ?? "").startsWith("# ");
    for (; i < lines.length && !isCommand(lines[i] ?? "") && !isComment(); i++) expected.push(lines[i] ?? "");
    // Blank lines before the next command or comment are layout; output ends with a line that is not blank.
    const after: string[] = [];
    while (expected.at(-1) === "") after.push(expected.pop() ?? "");
    steps.push({ line: start + 1, preamble, command, isRepeated, expected });
    preamble = after;
  }
  return { steps, tail: preamble };
}

function isCommand(line: string): boolean {
  return line.startsWith("$ ") || line.startsWith("$~ ");
}

/** The lines a command printed, as a transcript shows them: no blanks at line ends, no blank lines at the end. */
export function outputLines(output: string, exitCode: number): readonly string[] {
  const lines = output.split("\n").map((line) => line.trimEnd());
  while (lines.at(-1) === "") lines.pop();
  return exitCode === 0 ? lines : [...lines, `[exit ${exitCode}]`];
}

/** A line `...` stands for any lines; columns may be wider or narrower; placeholders match what they are named for. */
export function matches(expected: readonly string[], actual: readonly string[]): boolean {
  const source = expected.map((line) => (line === "..." ? String.raw`(?:.*\n)*?` : `${linePattern(line)}\n`)).join("");
  return new RegExp(`^${source}$`).test(actual.map((line) => `${line}\n`).join(""));
}

const placeholderNames = new RegExp(`(${placeholders.map((p) => p.name).join("|")}|(?<=\\S) {2,})`);
const patternOf: ReadonlyMap<string, string> = new Map(placeholders.map((p) => [p.name, p.pattern]));

function linePattern(line: string): string {
  const expanded = line.trimEnd().replaceAll("<hash>-<suffix>", "<hash>\u0000<suffix>");
  return expanded
    .split(placeholderNames)
    .map((part) => {
      if (/^ {2,}$/.test(part)) return " {2,}";
      const pattern = patternOf.get(part);
      return pattern
        ? `(?:${pattern})`
        : part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("\u0000", "-");
    })
    .join("");
}

/** What is written for an output: lines that still match are kept as they were, others get placeholders. */
export function generalize(expected: readonly string[], actual: readonly string[]): readonly string[] {
  if (matches(expected, actual)) return expected;
  return actual.map((line, i) => {
    const before = expected[i];
    return before !== undefined && before !== "..." && matches([before], [line]) ? before : withPlaceholders(line);
  });
}

function withPlaceholders(line: string): string {
  return placeholders.reduce((text, p) => (p.found ? text.replaceAll(p.found, p.name) : text), line);
}

export function formatTranscript(transcript: Transcript): string {
  const lines = transcript.steps.flatMap((step) => [
    ...step.preamble,
    ...step.command
      .split("\n")
      .map((line, i) => (i === 0 ? `$${step.isRepeated ? "~" : ""} ${line}` : `> ${line}`.trimEnd())),
    ...step.expected,
  ]);
  return `${[...lines, ...transcript.tail].join("\n")}\n`;
}
