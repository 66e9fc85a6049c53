import type { LineCounter, YAMLParseError } from "yaml";

/**
 * What the library finds wrong with a text, in the words users of Kubernetes know: upstream's parser is another one, so for
 * rare faults text and line may differ. `errors` is not empty. In form `yaml: line 4: did not find expected key`.
 */
export function syntaxErrorText(text: string, errors: readonly YAMLParseError[], lines: LineCounter): string {
  const { stage, what, at } = faultOf(text, errors);
  let line = lines.linePos(at).line - 1;
  // Upstream's parser comes upon the end of the text at the beginning of a line.
  if (stage === "parser" && at >= text.length && !text.endsWith("\n")) line++;
  if (line === 0) return `yaml: ${what}`;
  // It tells the lines of tokens from zero.
  return `yaml: line ${stage === "scanner" ? line + 1 : line}: ${what}`;
}

interface Fault {
  /** What finds it: the scanner makes tokens, the parser puts them together. */
  readonly stage: "scanner" | "parser";
  readonly what: string;
  /** Offset in the text. */
  readonly at: number;
}

const wordsOfScanner: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "found character that cannot start any token",
  BAD_SCALAR_START: "found character that cannot start any token",
  MISSING_CHAR: "could not find expected ':'",
  BAD_ALIAS: "did not find expected alphabetic or numeric character",
  BAD_DQ_ESCAPE: "found unknown escape character",
};

function faultOf(text: string, errors: readonly YAMLParseError[]): Fault {
  const [first, second] = errors;
  if (!first) throw new Error("no fault to tell");
  const { code, message } = first;
  const [at] = first.pos;
  const expected = (what: string): Fault => ({ stage: "parser", what: `did not find expected ${what}`, at });
  const unexpected = (what: string, where = at): Fault => ({ stage: "scanner", what, at: where });
  const isAfterOpening = /[[,:-]\s*$/.test(text.slice(Math.max(0, at - 100), at));
  switch (code as string) {
    case "BAD_INDENT":
      if (message.startsWith("Flow map")) return expected("',' or '}'");
      if (message.startsWith("Flow seq")) return expected(isAfterOpening ? "node content" : "',' or ']'");
      return expected("key");
    case "MISSING_CHAR":
      if (message.startsWith("Missing closing")) return unexpected("found unexpected end of stream", text.length);
      break;
    case "BLOCK_AS_IMPLICIT_KEY":
    case "MULTILINE_IMPLICIT_KEY": {
      // A dash on a line of its own where the next key should be.
      if (second?.message.startsWith("Unexpected block-seq-ind")) return expected("key");
      const spanning = errors.find((error) => error.code === "MULTILINE_IMPLICIT_KEY" && error.pos[0] === at);
      return unexpected("mapping values are not allowed in this context", spanning?.pos[1] ?? at);
    }
    case "UNEXPECTED_TOKEN":
      if (message.startsWith("Unexpected block-seq-ind"))
        return unexpected("block sequence entries are not allowed in this context");
      if (message.startsWith("Block scalar header")) return unexpected("did not find expected comment or line break");
      if (/Unexpected flow-(?:seq|map)-end/.test(message) && isAfterOpening) return expected("node content");
      return expected(isItemOfRootList(text, at) ? "'-' indicator" : "key");
  }
  const what = wordsOfScanner[code];
  return unexpected(what ?? message);
}

/** Whether a line begins at the margin, in a text that is a list there. */
function isItemOfRootList(text: string, at: number): boolean {
  const isAtMargin = at === 0 || text[at - 1] === "\n";
  return isAtMargin && /^(?:\s*(?:#[^\n]*)?\n|---[^\n]*\n)*-\s/.test(text.slice(0, at));
}
