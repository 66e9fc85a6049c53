import { parseDuration } from "../apimachinery/time.ts";
import { errorText } from "../component-base/logger.ts";
import { UsageError } from "./arguments.ts";

interface FlagValues {
  readonly string: string;
  readonly bool: boolean;
  readonly int: number;
  /** Milliseconds; written as Go's durations. */
  readonly duration: number;
  /** Comma-separated, and may be given several times. */
  readonly list: readonly string[];
  /** `a=b,c=d`. */
  readonly map: Readonly<Record<string, string>>;
  /** `a<b,c<d`. */
  readonly thresholds: Readonly<Record<string, string>>;
  /** Known of upstream, but without effect here; the text says why. */
  readonly ignored: string;
}

type FlagKind = keyof FlagValues;

/** A component's flags by name, without dashes. */
export type FlagTable = Readonly<Record<string, FlagKind>>;

export type FlagsOf<T extends FlagTable> = { readonly [Name in keyof T]?: FlagValues[T[Name]] };

/**
 * Reads flags as upstream's components do: `--name value`, `--name=value`, `--bool`; the last of several counts. Throws
 * UsageError with upstream's messages. `onIgnored` is told of each flag that was given and has no effect.
 */
export function parseFlags<T extends FlagTable>(
  table: T,
  args: readonly string[],
  onIgnored: (name: string) => void = () => {},
): FlagsOf<T> {
  const values: Record<string, unknown> = {};
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (!arg.startsWith("--") || arg === "--") {
      if (/^-v(=?\d+)?$/.test(arg)) {
        if (arg === "-v") rest.shift();
        continue;
      }
      throw new UsageError(
        arg.startsWith("-") ? `unknown shorthand flag: '${arg[1]}' in ${arg}` : `unknown argument ${arg}`,
      );
    }
    const at = arg.indexOf("=");
    const name = at < 0 ? arg.slice(2) : arg.slice(2, at);
    const kind = Object.hasOwn(table, name) ? table[name] : undefined;
    if (kind === undefined) throw new UsageError(`unknown flag: --${name}`);
    let text = at < 0 ? undefined : arg.slice(at + 1);
    if (text === undefined) text = kind === "bool" ? "true" : rest.shift();
    if (text === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    if (kind === "ignored") onIgnored(name);
    values[name] = parseValue(name, kind, text, values[name]);
  }
  return values as FlagsOf<T>;
}

/** What a component prints when asked for help. */
export function flagsHelp(component: string, table: FlagTable): string {
  const lines = Object.entries(table)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, kind]) => `      --${name} ${kind === "ignored" ? "(known, without effect)" : kind}`);
  return `Usage:\n  k8ts ${component} [flags]\n\nFlags:\n${lines.join("\n")}\n`;
}

function parseValue(name: string, kind: FlagKind, text: string, before: unknown): unknown {
  const invalid = (why: string): UsageError =>
    new UsageError(`invalid argument "${text}" for "--${name}" flag: ${why}`);
  switch (kind) {
    case "string":
    case "ignored":
      return text;
    case "bool":
      if (/^(1|t|true|TRUE|True|T)$/.test(text)) return true;
      if (/^(0|f|false|FALSE|False|F)$/.test(text)) return false;
      throw invalid(`strconv.ParseBool: parsing "${text}": invalid syntax`);
    case "int":
      if (/^[+-]?\d+$/.test(text)) return Number(text);
      throw invalid(`strconv.ParseInt: parsing "${text}": invalid syntax`);
    case "duration":
      try {
        return parseDuration(text);
      } catch (error) {
        throw invalid(errorText(error));
      }
    case "list":
      return [...((before as readonly string[] | undefined) ?? []), ...text.split(",").filter((part) => part !== "")];
    case "map":
    case "thresholds": {
      const between = kind === "map" ? "=" : "<";
      const entries = text.split(",").filter((part) => part !== "");
      for (const entry of entries)
        if (!entry.includes(between)) throw invalid(`malformed pair, expect string${between}string`);
      const pairs = entries.map((entry) => {
        const at = entry.indexOf(between);
        return [entry.slice(0, at).trim(), entry.slice(at + 1).trim()];
      });
      return { ...(before as object | undefined), ...Object.fromEntries(pairs) };
    }
  }
}

/** The flag; throws UsageError when it was not given. */
export function requiredFlag<T extends FlagTable, N extends keyof T & string>(
  flags: FlagsOf<T>,
  name: N,
): FlagValues[T[N]] {
  const value = flags[name];
  if (value === undefined) throw new UsageError(`required flag(s) "${name}" not set`);
  return value;
}
