/** The selectable fields of an object, by label such as `metadata.name` or `spec.nodeName`. */
export type FieldSet = Readonly<Record<string, string>>;

export interface FieldRequirement {
  readonly field: string;
  readonly operator: "=" | "!=";
  readonly value: string;
}

/** A text that is no field selector. The message is upstream's. */
export class FieldSelectorError extends Error {
  override readonly name = "FieldSelectorError";
}

/** Which objects to select by their fields: all requirements hold. Immutable. */
export class FieldSelector {
  readonly requirements: readonly FieldRequirement[];

  private constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  static readonly everything: FieldSelector = new FieldSelector([]);

  static of(requirements: readonly FieldRequirement[]): FieldSelector {
    return requirements.length === 0 ? FieldSelector.everything : new FieldSelector(requirements);
  }

  get isEverything(): boolean {
    return this.requirements.length === 0;
  }

  /** A field the object does not have counts as empty. */
  matches(fields: FieldSet): boolean {
    return this.requirements.every(({ field, operator, value }) => {
      const actual = Object.hasOwn(fields, field) ? fields[field] : "";
      return (actual === value) === (operator === "=");
    });
  }

  /** The one value the field must have, or undefined when the selector leaves a choice. */
  requiredValue(field: string): string | undefined {
    return this.requirements.find((r) => r.field === field && r.operator === "=")?.value;
  }

  toString(): string {
    return this.requirements.map((r) => `${r.field}${r.operator}${escapeFieldValue(r.value)}`).join(",");
  }
}

/** Reads `metadata.name=web,status.phase!=Running`. Which fields exist is the caller's to check. Throws FieldSelectorError. */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitTerms(text).sort()) {
    if (term === "") continue;
    const at = term.indexOf("=");
    if (at < 0) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    const isNegated = term[at - 1] === "!";
    const value = term.slice(!isNegated && term[at + 1] === "=" ? at + 2 : at + 1);
    const field = term.slice(0, isNegated ? at - 1 : at);
    requirements.push({ field, operator: isNegated ? "!=" : "=", value: unescapeFieldValue(value) });
  }
  return FieldSelector.of(requirements);
}

/** Selects objects whose field has the value. */
export function fieldEquals(field: string, value: string): FieldSelector {
  return FieldSelector.of([{ field, operator: "=", value }]);
}

/** Backslashes, commas and equal signs stand behind a backslash in a selector. */
export function escapeFieldValue(value: string): string {
  return value.replace(/[\\,=]/g, "\\$&");
}

function unescapeFieldValue(value: string): string {
  if (!/[\\,=]/.test(value)) return value;
  let out = "";
  let isEscaped = false;
  for (const c of value) {
    const isSpecial = c === "\\" || c === "," || c === "=";
    if (isEscaped) {
      if (!isSpecial) throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${c}`);
      out += c;
      isEscaped = false;
    } else if (c === "\\") {
      isEscaped = true;
    } else if (isSpecial) {
      // Upstream prints the character's number here.
      throw new FieldSelectorError(`invalid field selector: unescaped character in value: ${c.codePointAt(0)}`);
    } else {
      out += c;
    }
  }
  if (isEscaped) throw new FieldSelectorError("invalid field selector: invalid escape sequence: \\");
  return out;
}

/** Cuts at commas that no backslash precedes. */
function splitTerms(text: string): string[] {
  if (!text.includes("\\")) return text.split(",");
  const terms: string[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\") i++;
    else if (text[i] === ",") {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}
