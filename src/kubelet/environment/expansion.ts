/**
 * Replaces `$(NAME)` by what `lookup` knows; an unknown name stays as it is, and `$$` is a literal `$` (so `$$(NAME)` is
 * the text `$(NAME)`).
 */
export function expand(text: string, lookup: (name: string) => string | undefined): string {
  if (!text.includes("$")) return text;
  let out = "";
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== "$" || i + 1 === text.length) {
      out += text[i];
      continue;
    }
    const next = text[i + 1];
    if (next === "$") {
      out += "$";
      i++;
      continue;
    }
    const end = next === "(" ? text.indexOf(")", i + 2) : -1;
    if (end < 0) {
      out += "$";
      continue;
    }
    const name = text.slice(i + 2, end);
    out += lookup(name) ?? `$(${name})`;
    i = end;
  }
  return out;
}
