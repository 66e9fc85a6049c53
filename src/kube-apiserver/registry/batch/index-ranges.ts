import { goQuote } from "../../../apimachinery/go-format.ts";

/** What is wrong with a text of indexes, in upstream's words. */
export class IndexRangesError extends Error {}

/** Indexes of pods, first and last. */
export type IndexRange = readonly [first: number, last: number];

/**
 * Reads indexes of an indexed job's pods, `0,2-4`: rising, and below the number of completions. Throws IndexRangesError.
 * Empty for no indexes.
 */
export function parseIndexRanges(text: string, completions: number): readonly IndexRange[] {
  const ranges: IndexRange[] = [];
  for (const part of text === "" ? [] : text.split(",")) {
    const range = parseIndexRange(part, completions);
    const previous = ranges.at(-1)?.[1];
    if (previous !== undefined && previous >= range[0]) throw nonIncreasing(previous, range[0]);
    ranges.push(range);
  }
  return ranges;
}

export function countIndexes(ranges: readonly IndexRange[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

function parseIndexRange(text: string, completions: number): IndexRange {
  const limits = text.split("-");
  if (limits.length > 2) {
    throw new IndexRangesError(
      `the fragment ${goQuote(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    );
  }
  const [first = 0, last = first] = limits.map((limit) => parseIndex(limit, completions));
  if (limits.length === 2 && first >= last) throw nonIncreasing(first, last);
  return [first, last];
}

function parseIndex(text: string, completions: number): number {
  if (!/^[-+]?\d+$/.test(text)) {
    throw new IndexRangesError(`cannot convert string to integer for index: ${goQuote(text)}`);
  }
  const index = Number(text);
  if (index >= completions) throw new IndexRangesError(`too large index: ${goQuote(text)}`);
  return index;
}

function nonIncreasing(previous: number, current: number): IndexRangesError {
  return new IndexRangesError(`non-increasing order, previous: ${previous}, current: ${current}`);
}
