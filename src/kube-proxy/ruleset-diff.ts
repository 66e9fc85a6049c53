import type { Ruleset } from "./ruleset.ts";

export const emptyRuleset: Ruleset = { elements: new Map(), chains: new Map() };

// Elements per command: few enough for nft's line buffer, enough to make the commands' overhead vanish.
const elementsPerCommand = 1000;
const none: ReadonlyMap<string, string> = new Map();

/**
 * The nft commands that turn `before` into `after`, for one transaction. Chains are only added: an unused one costs
 * nothing and is used again as soon as a Service has that many endpoints. Empty when nothing differs.
 */
export function diffRulesets(table: string, before: Ruleset, after: Ruleset): string {
  const t = `ip ${table}`;
  const lines: string[] = [];
  for (const [name, rules] of after.chains) {
    if (before.chains.has(name)) continue;
    lines.push(`add chain ${t} ${name}`);
    for (const rule of rules) lines.push(`add rule ${t} ${name} ${rule}`);
  }
  const additions: string[] = [];
  for (const set of new Set([...before.elements.keys(), ...after.elements.keys()])) {
    const had = before.elements.get(set) ?? none;
    const has = after.elements.get(set) ?? none;
    pushElements(lines, `delete element ${t} ${set}`, difference(had, has));
    pushElements(additions, `add element ${t} ${set}`, difference(has, had));
  }
  lines.push(...additions);
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}

function difference(of: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): readonly string[] {
  const out: string[] = [];
  for (const [key, value] of of) if (other.get(key) !== value) out.push(value === "" ? key : `${key} : ${value}`);
  return out;
}

function pushElements(lines: string[], command: string, elements: readonly string[]): void {
  for (let i = 0; i < elements.length; i += elementsPerCommand) {
    lines.push(`${command} { ${elements.slice(i, i + elementsPerCommand).join(", ")} }`);
  }
}
