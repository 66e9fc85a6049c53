import type { Duplex } from "node:stream";

/** Copies bytes both ways until one side is gone, then takes the other down. Resolves when both are closed. */
export async function splice(a: Duplex, b: Duplex): Promise<void> {
  const closed = [a, b].map(
    (side) =>
      new Promise<void>((resolve) => {
        const other = side === a ? b : a;
        side.on("error", () => other.destroy());
        side.once("close", () => {
          // What was read is still on its way to the other side: end, which flushes, instead of destroying.
          if (!other.destroyed) other.end();
          resolve();
        });
        if (side.closed) resolve();
      }),
  );
  a.pipe(b);
  b.pipe(a);
  if (a.destroyed) b.destroy();
  if (b.destroyed) a.destroy();
  await Promise.all(closed);
}
