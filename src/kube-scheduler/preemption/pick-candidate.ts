import { startedMs, type Candidate } from "./candidates.ts";

// Added to each priority so that a few negative ones do not look cheaper than one.
const priorityOffset = 2 ** 31;

/**
 * The least costly candidate: fewest protected victims, then the lowest highest priority, the lowest sum of priorities,
 * the fewest victims, and last the one whose most important victims have started latest.
 */
export function pickCandidate(candidates: readonly Candidate[], nowMs: number): Candidate | undefined {
  const costs: readonly ((candidate: Candidate) => number)[] = [
    ({ violations }) => violations,
    ({ victims }) => Math.max(...victims.map((v) => v.priority)),
    ({ victims }) => victims.reduce((sum, v) => sum + v.priority + priorityOffset, 0),
    ({ victims }) => victims.length,
    (candidate) => -earliestStartMs(candidate, nowMs),
  ];
  let best = candidates;
  for (const cost of costs) {
    if (best.length <= 1) break;
    const values = best.map(cost);
    const least = Math.min(...values);
    best = best.filter((_, i) => values[i] === least);
  }
  return best[0];
}

function earliestStartMs({ victims }: Candidate, nowMs: number): number {
  const highest = Math.max(...victims.map((v) => v.priority));
  return Math.min(...victims.filter((v) => v.priority === highest).map((v) => startedMs(v, nowMs)));
}
