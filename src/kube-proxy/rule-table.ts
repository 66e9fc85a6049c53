import { assert } from "../component-base/assert.ts";

/** One element of a set (`value` "") or map. */
export interface RuleElement {
  readonly set: string;
  readonly key: string;
  readonly value: string;
}

/**
 * What one owner (a Service, a pod) wants in the table. A chain's name determines its rules and a set's name its type, so
 * that two owners who want the same name want the same thing.
 */
export interface Rules {
  readonly elements: readonly RuleElement[];
  /** Rules by chain name. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** What the sets and maps by name are, e.g. `set { type ipv4_addr; }`, in addition to those of the base. */
  readonly sets: ReadonlyMap<string, string>;
}

export const noRules: Rules = { elements: [], chains: new Map(), sets: new Map() };

/** Collects one owner's rules. */
export class RulesBuilder implements Rules {
  readonly elements: RuleElement[] = [];
  readonly chains = new Map<string, readonly string[]>();
  readonly sets = new Map<string, string>();

  put(set: string, key: string, value = ""): void {
    this.elements.push({ set, key, value });
  }
}

/** An element with everybody who wants it. Whoever came first decides its value. */
interface Slot extends RuleElement {
  readonly wanted: Map<string, string>;
  /** What the kernel holds; undefined for nothing. */
  kernel: string | undefined;
}

interface Declaration {
  readonly text: readonly string[];
  readonly owners: Set<string>;
  isInKernel: boolean;
}

// Elements per command: few enough for nft's line buffer, enough to make the commands' overhead vanish.
const elementsPerCommand = 1000;

/**
 * The content of one nftables table as the sum of what its owners want. `transaction` is the nft script from what the
 * kernel holds to what is wanted, at a cost proportional to the change; the first one, and the one after `forget`,
 * makes the table from nothing.
 */
export class RuleTable {
  /** Family and name, e.g. `ip proxy`. */
  readonly #name: string;
  readonly #base: string;
  readonly #rules = new Map<string, Rules>();
  readonly #slots = new Map<string, Slot>();
  readonly #chains = new Map<string, Declaration>();
  readonly #sets = new Map<string, Declaration>();
  readonly #dirtySlots = new Set<Slot>();
  readonly #dirtyChains = new Set<string>();
  readonly #dirtySets = new Set<string>();
  #isKnown = false;

  /** `base`: the commands that make the table with its fixed chains and sets, once a table of that name is gone. */
  constructor(name: string, base: string) {
    this.#name = name;
    this.#base = base;
  }

  /** Replaces what the owner wants; undefined for nothing. */
  set(owner: string, rules: Rules | undefined): void {
    const before = this.#rules.get(owner) ?? noRules;
    const after = rules ?? noRules;
    // What stays is taken again before it is given up, so that nothing looks unused in between.
    const kept = new Set<string>();
    for (const element of after.elements) {
      const slot = this.#slot(element);
      kept.add(slotKey(element));
      if (slot.wanted.get(owner) === element.value) continue;
      slot.wanted.set(owner, element.value);
      this.#dirtySlots.add(slot);
    }
    for (const element of before.elements) {
      const key = slotKey(element);
      const slot = this.#slots.get(key);
      if (!slot || kept.has(key)) continue;
      slot.wanted.delete(owner);
      this.#dirtySlots.add(slot);
    }
    declare(this.#chains, this.#dirtyChains, owner, before.chains.keys(), after.chains);
    const texts = new Map([...after.sets].map(([name, text]) => [name, [text]]));
    declare(this.#sets, this.#dirtySets, owner, before.sets.keys(), texts);
    if (rules) this.#rules.set(owner, rules);
    else this.#rules.delete(owner);
  }

  /** Whether the owner wants anything. */
  has(owner: string): boolean {
    return this.#rules.has(owner);
  }

  /** The elements of one set, for tests. */
  elementsOf(set: string): ReadonlyMap<string, string> {
    const slots = [...this.#slots.values()].filter((slot) => slot.set === set && slot.wanted.size > 0);
    return new Map(slots.map((slot) => [slot.key, valueOf(slot) ?? ""]));
  }

  get chains(): ReadonlyMap<string, readonly string[]> {
    return new Map([...this.#chains].filter(([, c]) => c.owners.size > 0).map(([name, { text }]) => [name, text]));
  }

  /** The script for one nft transaction; empty when nothing differs. Call `applied` when it has been carried out. */
  transaction(): string {
    if (!this.#isKnown) this.#startFromNothing();
    const t = this.#name;
    const lines: string[] = [];
    const last: string[] = [];
    for (const [name, { text }] of news(this.#sets, this.#dirtySets)) {
      lines.push(`add ${kindOf(text)} ${t} ${name} ${text.join(" ").slice(kindOf(text).length + 1)}`);
    }
    const chains = news(this.#chains, this.#dirtyChains);
    for (const [name] of chains) lines.push(`add chain ${t} ${name}`);
    for (const [name, { text }] of chains) for (const rule of text) lines.push(`add rule ${t} ${name} ${rule}`);
    for (const name of olds(this.#chains, this.#dirtyChains)) last.push(`delete chain ${t} ${name}`);
    const dropped = new Set(olds(this.#sets, this.#dirtySets));
    for (const name of dropped) last.push(`delete ${kindOf(this.#sets.get(name)?.text ?? [])} ${t} ${name}`);
    const removals = new Map<string, string[]>();
    const additions = new Map<string, string[]>();
    for (const slot of this.#dirtySlots) {
      const value = valueOf(slot);
      if (value === slot.kernel) continue;
      if (slot.kernel !== undefined && !dropped.has(slot.set))
        push(removals, slot.set, elementText(slot.key, slot.kernel));
      if (value !== undefined) push(additions, slot.set, elementText(slot.key, value));
    }
    for (const [set, elements] of removals) pushElements(lines, `delete element ${t} ${set}`, elements);
    for (const [set, elements] of additions) pushElements(lines, `add element ${t} ${set}`, elements);
    lines.push(...last);
    const changes = lines.length === 0 ? "" : `${lines.join("\n")}\n`;
    return this.#isKnown ? changes : `add table ${t}\ndelete table ${t}\n${this.#base}${changes}`;
  }

  /** The last transaction is in force; nothing may have been set since it was made. */
  applied(): void {
    this.#isKnown = true;
    for (const slot of this.#dirtySlots) {
      slot.kernel = valueOf(slot);
      if (slot.wanted.size === 0) this.#slots.delete(slotKey(slot));
    }
    this.#dirtySlots.clear();
    settle(this.#chains, this.#dirtyChains);
    settle(this.#sets, this.#dirtySets);
  }

  /** Whether the next transaction starts from what the kernel holds, not from nothing. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What the kernel holds is not known any more. */
  forget(): void {
    this.#isKnown = false;
  }

  #slot({ set, key, value }: RuleElement): Slot {
    const name = slotKey({ set, key, value });
    let slot = this.#slots.get(name);
    if (!slot) this.#slots.set(name, (slot = { set, key, value: "", wanted: new Map(), kernel: undefined }));
    return slot;
  }

  #startFromNothing(): void {
    for (const slot of this.#slots.values()) {
      slot.kernel = undefined;
      this.#dirtySlots.add(slot);
    }
    for (const [all, dirty] of [
      [this.#chains, this.#dirtyChains],
      [this.#sets, this.#dirtySets],
    ] as const) {
      for (const [name, declaration] of all) {
        declaration.isInKernel = false;
        dirty.add(name);
      }
    }
  }
}

function slotKey({ set, key }: RuleElement): string {
  return `${set} ${key}`;
}

function valueOf(slot: Slot): string | undefined {
  for (const value of slot.wanted.values()) return value;
  return undefined;
}

function declare(
  all: Map<string, Declaration>,
  dirty: Set<string>,
  owner: string,
  before: Iterable<string>,
  after: ReadonlyMap<string, readonly string[]>,
): void {
  for (const [name, text] of after) {
    let declaration = all.get(name);
    if (!declaration) all.set(name, (declaration = { text, owners: new Set(), isInKernel: false }));
    assert(
      declaration.text.length === text.length && declaration.text.every((line, i) => line === text[i]),
      `two different things are called ${name}`,
    );
    declaration.owners.add(owner);
    dirty.add(name);
  }
  for (const name of before) {
    if (after.has(name)) continue;
    all.get(name)?.owners.delete(owner);
    dirty.add(name);
  }
}

function news(
  all: ReadonlyMap<string, Declaration>,
  dirty: ReadonlySet<string>,
): readonly (readonly [string, Declaration])[] {
  return [...dirty].flatMap((name) => {
    const declaration = all.get(name);
    return declaration && declaration.owners.size > 0 && !declaration.isInKernel ? [[name, declaration] as const] : [];
  });
}

function olds(all: ReadonlyMap<string, Declaration>, dirty: ReadonlySet<string>): readonly string[] {
  return [...dirty].filter((name) => {
    const declaration = all.get(name);
    return declaration !== undefined && declaration.owners.size === 0 && declaration.isInKernel;
  });
}

function settle(all: Map<string, Declaration>, dirty: Set<string>): void {
  for (const name of dirty) {
    const declaration = all.get(name);
    if (!declaration) continue;
    if (declaration.owners.size === 0) all.delete(name);
    else declaration.isInKernel = true;
  }
  dirty.clear();
}

function kindOf(text: readonly string[]): "map" | "set" {
  return text[0]?.startsWith("map ") ? "map" : "set";
}

function push(into: Map<string, string[]>, set: string, text: string): void {
  const list = into.get(set);
  if (list) list.push(text);
  else into.set(set, [text]);
}

function elementText(key: string, value: string): string {
  return value === "" ? key : `${key} : ${value}`;
}

function pushElements(lines: string[], command: string, elements: readonly string[]): void {
  for (let i = 0; i < elements.length; i += elementsPerCommand) {
    lines.push(`${command} { ${elements.slice(i, i + elementsPerCommand).join(", ")} }`);
  }
}
