/** Words of the language that cannot be names of fields. */
const reserved: ReadonlySet<string> = new Set(
  "true false null in as break const continue else for function if import let loop package namespace return var void while".split(
    " ",
  ),
);

const escapes: Readonly<Record<string, string>> = {
  __: "__underscores__",
  ".": "__dot__",
  "-": "__dash__",
  "/": "__slash__",
};

const unescapes: Readonly<Record<string, string>> = { underscores: "__", dot: ".", dash: "-", slash: "/" };

/** How expressions name a property, as Kubernetes escapes it; undefined for those that they cannot name. */
export function escapePropertyName(name: string): string | undefined {
  if (reserved.has(name)) return `__${name}__`;
  if (!/^[a-zA-Z_./-][a-zA-Z0-9_./-]*$/.test(name)) return undefined;
  return name.replaceAll(/__|[-./]/g, (sign) => escapes[sign] ?? sign);
}

/** The property an expression names; undefined for what no property is escaped to. */
export function unescapePropertyName(name: string): string | undefined {
  let isEscaped = true;
  const unescaped = name.replaceAll(/__[^_]+__/g, (sequence) => {
    const word = sequence.slice(2, -2);
    if (Object.hasOwn(unescapes, word)) return unescapes[word] ?? word;
    if (!reserved.has(word) || sequence.length !== name.length) isEscaped = false;
    return word;
  });
  return isEscaped ? unescaped : undefined;
}
