import { readFile } from "node:fs/promises";

/**
 * Rejects, with upstream's text, when the machine swaps: pods would get memory nobody counts. A machine without
 * `/proc/swaps` does not.
 */
export async function refuseSwap(file = "/proc/swaps"): Promise<void> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const [, ...lines] = text.trim().split("\n");
  // As upstream: swap in compressed memory gives nothing away.
  const swaps = lines.filter((line) => !/^\/dev\/zram|\btmpfs\b/.test(line));
  if (swaps.length === 0) return;
  throw new Error(
    `running with swap on is not supported, please disable swap or set --fail-swap-on flag to false. /proc/swaps contained: [${lines.join(" ")}]`,
  );
}
