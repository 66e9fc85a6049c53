import { type Assertion, isWord, type Node, parseRegexp, RegexpSyntaxError } from "./syntax.ts";

/** An instruction of the compiled pattern; numbers are where to go on. */
type Instruction =
  | { readonly op: "char"; readonly test: (code: number) => boolean }
  | { readonly op: "split"; a: number; b: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "assert"; readonly where: Assertion }
  | { readonly op: "match" };

/** One way to match: an instruction to go on with, and the place where it began. */
interface Thread {
  readonly pc: number;
  readonly start: number;
}

/** All the ways a match is being followed at one position, and where they lead: made when first met. */
interface State {
  /** The instructions that wait for a character. */
  readonly ready: readonly number[];
  readonly isMatch: boolean;
  readonly isMatchAtEnd: boolean;
  readonly next: Map<number, State>;
}

/** How many steps are remembered: some 100 bytes each. Past that they are forgotten and found again. */
const transitionsMax = 10_000;

/** Bounds the work per character of text; Go's limit is of the same order. */
const instructionsMax = 10_000;

/**
 * A regular expression with Go's syntax. All ways to match are followed at once, one character at a time: at worst the work is
 * the length of the text times that of the pattern, whatever both are, so that neither a schema nor an object can stall the
 * server as a backtracking matcher would be.
 */
export class LinearRegexp {
  readonly source: string;
  readonly #program: Instruction[] = [];
  /** Asks for more than the ends of the text: lines or words. */
  readonly #looksAround: boolean;
  readonly #states = new Map<string, State>();
  #transitionCount = 0;
  #start: State | undefined;

  /** Throws RegexpSyntaxError. */
  constructor(pattern: string) {
    this.source = pattern;
    this.#emit(parseRegexp(pattern));
    this.#push({ op: "match" });
    this.#looksAround = this.#program.some(
      (each) => each.op === "assert" && each.where !== "textStart" && each.where !== "textEnd",
    );
  }

  /** Whether it matches anywhere in the text. */
  test(text: string): boolean {
    if (this.#looksAround) return this.#simulate(text);
    let state = (this.#start ??= this.#enter([0], true));
    for (let i = 0; !state.isMatch; i++) {
      const code = text.codePointAt(i);
      if (code === undefined) return state.isMatchAtEnd;
      if (code > 0xffff) i++;
      state = state.next.get(code) ?? this.#step(state, code);
    }
    return true;
  }

  /** Where `state` goes by a character it has not met before. */
  #step(state: State, code: number): State {
    const entries = state.ready.filter((pc) => this.#takes(pc, code)).map((pc) => pc + 1);
    const next = this.#enter([...entries, 0], false);
    if (++this.#transitionCount > transitionsMax) {
      this.#states.clear();
      this.#start = undefined;
      this.#transitionCount = 0;
    } else state.next.set(code, next);
    return next;
  }

  /** The state after entering these instructions; the same object for the same state. */
  #enter(entries: readonly number[], isAtStart: boolean): State {
    const ready: number[] = [];
    const isMatch = this.#close(entries, isAtStart, false, ready);
    const isMatchAtEnd = isMatch || this.#close(entries, isAtStart, true, []);
    const key = `${ready.join()} ${isMatch} ${isMatchAtEnd}`;
    let state = this.#states.get(key);
    if (!state) this.#states.set(key, (state = { ready, isMatch, isMatchAtEnd, next: new Map() }));
    return state;
  }

  /** As #follow, for patterns that ask for nothing but the ends of the text. */
  #close(entries: readonly number[], isAtStart: boolean, isAtEnd: boolean, ready: number[]): boolean {
    const codes = isAtStart ? (isAtEnd ? [] : [0]) : isAtEnd ? [0] : [0, 0];
    const seen = new Int32Array(this.#program.length).fill(-1);
    const at = isAtStart ? 0 : 1;
    let isMatch = false;
    for (const pc of entries) isMatch = this.#follow(pc, codes, at, seen, ready) || isMatch;
    return isMatch;
  }

  /** Follows all ways anew at every position, where what is around it decides. */
  #simulate(text: string): boolean {
    const codes = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    let current: number[] = [];
    // Each instruction is entered at most once per position: `seen` holds the position it was last entered at.
    const seen = new Int32Array(this.#program.length).fill(-1);
    for (let at = 0; at <= codes.length; at++) {
      const ready: number[] = [];
      for (const pc of [...current, 0]) if (this.#follow(pc, codes, at, seen, ready)) return true;
      const code = codes[at];
      if (code === undefined) return false;
      current = ready.filter((pc) => this.#takes(pc, code)).map((pc) => pc + 1);
    }
    return false;
  }

  /**
   * The leftmost match in the text that begins at `from` or later, as places in its code points; of several that begin there
   * the one a backtracking matcher would find first.
   */
  find(codes: readonly number[], from = 0): { readonly start: number; readonly end: number } | undefined {
    const seen = new Int32Array(this.#program.length).fill(-1);
    // Threads in order of preference: where they are in the program, and where their match began.
    let current: Thread[] = [];
    let found: { start: number; end: number } | undefined;
    for (let at = from; at <= codes.length; at++) {
      const ready: Thread[] = [];
      const entered = found ? current : [...current, { pc: 0, start: at }];
      for (const { pc, start } of entered) {
        const reached: number[] = [];
        const isMatch = this.#follow(pc, codes, at, seen, reached);
        for (const waiting of reached) ready.push({ pc: waiting, start });
        if (!isMatch) continue;
        // Those behind it are not preferred.
        found = { start, end: at };
        break;
      }
      const code = codes[at];
      if (code === undefined) break;
      current = ready.filter(({ pc }) => this.#takes(pc, code)).map(({ pc, start }) => ({ pc: pc + 1, start }));
      if (found && current.length === 0) break;
    }
    return found;
  }

  #takes(pc: number, code: number): boolean {
    const instruction = this.#program[pc];
    return instruction?.op === "char" && instruction.test(code);
  }

  /** Enters all instructions reachable without a character, the preferred first, up to a match; true when there is one. */
  #follow(start: number, codes: readonly number[], at: number, seen: Int32Array, ready: number[]): boolean {
    const open = [start];
    for (let pc = open.pop(); pc !== undefined; pc = open.pop()) {
      if (seen[pc] === at) continue;
      seen[pc] = at;
      const instruction = this.#program[pc];
      switch (instruction?.op) {
        case "match":
          return true;
        case "char":
          ready.push(pc);
          break;
        case "jump":
          open.push(instruction.to);
          break;
        case "split":
          open.push(instruction.b, instruction.a);
          break;
        case "assert":
          if (holds(instruction.where, codes, at)) open.push(pc + 1);
          break;
        case undefined:
          break;
      }
    }
    return false;
  }

  #push(instruction: Instruction): number {
    if (this.#program.length >= instructionsMax) throw new RegexpSyntaxError("expression too large", this.source);
    return this.#program.push(instruction) - 1;
  }

  #emit(node: Node): void {
    switch (node.type) {
      case "empty":
        return;
      case "char":
        this.#push({ op: "char", test: node.test });
        return;
      case "assert":
        this.#push({ op: "assert", where: node.where });
        return;
      case "sequence":
        for (const item of node.items) this.#emit(item);
        return;
      case "choice":
        this.#emitChoice(node.options);
        return;
      case "repeat":
        this.#emitRepeat(node);
    }
  }

  #emitChoice(options: readonly Node[]): void {
    const ends: { op: "jump"; to: number }[] = [];
    for (const [i, option] of options.entries()) {
      if (i === options.length - 1) {
        this.#emit(option);
        break;
      }
      const split = { op: "split" as const, a: this.#program.length + 1, b: 0 };
      this.#push(split);
      this.#emit(option);
      const end = { op: "jump" as const, to: 0 };
      this.#push(end);
      ends.push(end);
      split.b = this.#program.length;
    }
    for (const end of ends) end.to = this.#program.length;
  }

  #emitRepeat({ item, min, max, isLazy }: Node & { readonly type: "repeat" }): void {
    // Of a split, `a` is preferred.
    const ends = (split: { a: number; b: number }): void => {
      split.b = this.#program.length;
      if (isLazy) [split.a, split.b] = [split.b, split.a];
    };
    for (let i = 0; i < min; i++) this.#emit(item);
    if (max === undefined) {
      const split = { op: "split" as const, a: this.#program.length + 1, b: 0 };
      const at = this.#push(split);
      this.#emit(item);
      this.#push({ op: "jump", to: at });
      ends(split);
      return;
    }
    const splits: { a: number; b: number }[] = [];
    for (let i = min; i < max; i++) {
      const split = { op: "split" as const, a: this.#program.length + 1, b: 0 };
      this.#push(split);
      splits.push(split);
      this.#emit(item);
    }
    for (const split of splits) ends(split);
  }
}

function holds(where: Assertion, codes: readonly number[], at: number): boolean {
  const before = codes[at - 1];
  const after = codes[at];
  switch (where) {
    case "textStart":
      return before === undefined;
    case "textEnd":
      return after === undefined;
    case "lineStart":
      return before === undefined || before === 0x0a;
    case "lineEnd":
      return after === undefined || after === 0x0a;
    case "wordBoundary":
    case "noWordBoundary": {
      const isBoundary = (before !== undefined && isWord(before)) !== (after !== undefined && isWord(after));
      return isBoundary === (where === "wordBoundary");
    }
  }
}

/** The compiled pattern, or why it is none in Go's words. */
export function compileRegexp(pattern: string): { readonly regexp?: LinearRegexp; readonly error?: string } {
  try {
    return { regexp: new LinearRegexp(pattern) };
  } catch (error) {
    if (error instanceof RegexpSyntaxError) return { error: error.message };
    throw error;
  }
}
