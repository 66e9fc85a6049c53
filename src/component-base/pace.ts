import { nextTurn } from "./turn.ts";
import { finish, finishGivingWay, type Steps } from "./steps.ts";

/** Work on this much JSON takes some 5 ms in each of its steps; on less, nobody else waits noticeably. */
const largeBytes = 64 * 1024;

/** About as much work as may be done in one piece. */
const pieceBytes = 128 * 1024;

/** As `map`, of items whose work grows with their size; gives way whenever a piece is done. */
export async function mapGivingWay<T, R>(
  items: readonly T[],
  sizeOf: (item: T) => number,
  map: (item: T) => R,
): Promise<R[]> {
  const out: R[] = [];
  let size = 0;
  for (const item of items) {
    size += sizeOf(item);
    if (size > pieceBytes) {
      size = 0;
      await nextTurn();
    }
    out.push(map(item));
  }
  return out;
}

/** How one piece of work shares the thread with others: what is small is done at once, what is large gives way between its steps. */
export class Pace {
  #isLarge = false;

  /** Tells that something of this size has to be gone through. */
  note(sizeBytes: number): void {
    if (sizeBytes >= largeBytes) this.#isLarge = true;
  }

  /** Between two steps. */
  async giveWay(): Promise<void> {
    if (this.#isLarge) await nextTurn();
  }

  async run<T>(steps: Steps<T>): Promise<T> {
    return this.#isLarge ? finishGivingWay(steps) : finish(steps);
  }
}
