/** Tells a person what is going on: a line per step, with its time; nothing when the output is for a script. */
export class Progress {
  readonly #write: (line: string) => void;
  readonly #startedMs = performance.now();

  constructor(quiet = false) {
    this.#write = quiet ? () => {} : (line) => process.stdout.write(`${line}\n`);
  }

  say(line: string): void {
    this.#write(line);
  }

  /** Runs the step and says how long it took, or that it failed. */
  async step<T>(title: string, body: () => Promise<T>): Promise<T> {
    const startedMs = performance.now();
    try {
      const result = await body();
      this.#write(`  ✓ ${title} (${seconds(startedMs)})`);
      return result;
    } catch (error) {
      this.#write(`  ✗ ${title} (${seconds(startedMs)})`);
      throw error;
    }
  }

  get elapsed(): string {
    return seconds(this.#startedMs);
  }
}

function seconds(sinceMs: number): string {
  return `${((performance.now() - sinceMs) / 1000).toFixed(1)} s`;
}
