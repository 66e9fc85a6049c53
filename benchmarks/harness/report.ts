/** What a number is held against; where it comes from is in README.md. */
export type Budget = { readonly atMost: number } | { readonly atLeast: number };

export interface Measurement {
  /** `question.what`, e.g. `list.cpu`. */
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly budget?: Budget;
}

/** What a benchmark says: numbers, or why there are none. */
export type Report = Measurement | { readonly skipped: string };

/** Set by main.ts, which reads the reports as JSON lines. */
export const jsonVariable = "K8TS_BENCH_JSON";

/** Prints one number; for a reader as a line of the table, for main.ts as JSON. */
export function report(name: string, value: number, unit: string, budget?: Budget): void {
  print({ name, value, unit, ...(budget ? { budget } : {}) });
}

/** Says why this machine or user cannot answer the question. */
export function skip(reason: string): void {
  print({ skipped: reason });
}

function print(line: Report): void {
  console.log(process.env[jsonVariable] === undefined ? formatReport(line) : JSON.stringify(line));
}

export function formatReport(line: Report): string {
  if ("skipped" in line) return `skipped: ${line.skipped}`;
  const { name, value, unit, budget } = line;
  return `${name.padEnd(34)} ${formatValue(value).padStart(10)} ${unit.padEnd(8)} ${budget ? formatBudget(value, budget) : ""}`.trimEnd();
}

function formatBudget(value: number, budget: Budget): string {
  const [sign, limit, isKept] =
    "atMost" in budget ? ["≤", budget.atMost, value <= budget.atMost] : ["≥", budget.atLeast, value >= budget.atLeast];
  return `${sign} ${formatValue(limit)}${isKept ? "" : "  MISSED"}`;
}

function formatValue(value: number): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : value >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
