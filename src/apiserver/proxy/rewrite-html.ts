/** The attributes that hold a link, by element; upstream's list. */
const linkAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ["href"],
  applet: ["codebase"],
  area: ["href"],
  audio: ["src"],
  base: ["href"],
  blockquote: ["cite"],
  body: ["background"],
  button: ["formaction"],
  command: ["icon"],
  del: ["cite"],
  embed: ["src"],
  form: ["action"],
  frame: ["longdesc", "src"],
  head: ["profile"],
  html: ["manifest"],
  iframe: ["longdesc", "src"],
  img: ["longdesc", "src", "usemap"],
  input: ["src", "usemap", "formaction"],
  ins: ["cite"],
  link: ["href"],
  object: ["classid", "codebase", "data", "usemap"],
  q: ["cite"],
  script: ["src"],
  source: ["src"],
  video: ["poster", "src"],
};

/** Elements whose content is text up to their own end tag. */
const rawTextElements: ReadonlySet<string> = new Set([
  "iframe",
  "noembed",
  "noframes",
  "script",
  "style",
  "textarea",
  "title",
  "xmp",
]);
const tagName = /[a-z][^\s/>]*/iy;

/** The document with the links of its tags replaced by what `rewrite` makes of them; all else stays as it is. Linear. */
export function rewriteHtml(html: string, rewrite: (link: string) => string): string {
  const scanner = new Scanner(html);
  let out = "";
  let copied = 0;
  for (let at = html.indexOf("<"); at >= 0 && at < html.length; at = html.indexOf("<", at)) {
    if (html.startsWith("<!--", at)) {
      at = scanner.after("-->", at + 4);
      continue;
    }
    tagName.lastIndex = at + 1;
    const name = tagName.exec(html)?.[0].toLowerCase();
    if (name === undefined) {
      at++;
      continue;
    }
    const tag = scanner.readTag(at + 1 + name.length);
    // What follows an unfinished tag belongs to it.
    if (!tag) break;
    const links = Object.hasOwn(linkAttributes, name) ? (linkAttributes[name] ?? []) : [];
    for (const { attribute, start, end } of tag.values) {
      if (!links.includes(attribute)) continue;
      out += html.slice(copied, start) + rewrite(html.slice(start, end));
      copied = end;
    }
    at = rawTextElements.has(name) ? scanner.endOfRawText(name, tag.end) : tag.end;
  }
  return out + html.slice(copied);
}

/** The value of an attribute: where it is in the document. */
interface AttributeValue {
  readonly attribute: string;
  readonly start: number;
  readonly end: number;
}

const spaceOrSlash = /[\s/]*/y;
const attributeName = /[^\s/>=]+/y;
const equals = /\s*=\s*/y;
const unquoted = /[^\s>]*/y;

class Scanner {
  readonly #html: string;
  #lowerCase: string | undefined;
  /** Marks that do not occur from here on, so that they need not be looked for again. */
  readonly #gone = new Set<string>();

  constructor(html: string) {
    this.#html = html;
  }

  /** Where the next `mark` ends; the end of the document when there is none. Calls come in ascending order. */
  after(mark: string, from: number): number {
    const at = this.#gone.has(mark) ? -1 : this.#html.indexOf(mark, from);
    if (at < 0) this.#gone.add(mark);
    return at < 0 ? this.#html.length : at + mark.length;
  }

  /** Where the end tag of the element begins. */
  endOfRawText(name: string, from: number): number {
    this.#lowerCase ??= this.#html.toLowerCase();
    const mark = `</${name}`;
    const at = this.#gone.has(mark) ? -1 : this.#lowerCase.indexOf(mark, from);
    if (at < 0) this.#gone.add(mark);
    return at < 0 ? this.#html.length : at;
  }

  /** Reads a tag from behind its name. Undefined when it does not end. */
  readTag(from: number): { readonly values: readonly AttributeValue[]; readonly end: number } | undefined {
    const html = this.#html;
    const values: AttributeValue[] = [];
    for (let at = from; ;) {
      at += this.#length(spaceOrSlash, at);
      if (at >= html.length) return undefined;
      if (html[at] === ">") return { values, end: at + 1 };
      const nameLength = this.#length(attributeName, at);
      const attribute = html.slice(at, at + nameLength).toLowerCase();
      // A stray `=` is skipped.
      at += Math.max(nameLength, 1);
      const equalsLength = this.#length(equals, at);
      if (equalsLength === 0) continue;
      at += equalsLength;
      const quote = html[at];
      if (quote === '"' || quote === "'") {
        const end = html.indexOf(quote, at + 1);
        if (end < 0) return undefined;
        values.push({ attribute, start: at + 1, end });
        at = end + 1;
      } else {
        const length = this.#length(unquoted, at);
        values.push({ attribute, start: at, end: at + length });
        at += length;
      }
    }
  }

  #length(pattern: RegExp, at: number): number {
    pattern.lastIndex = at;
    return pattern.exec(this.#html)?.[0].length ?? 0;
  }
}
