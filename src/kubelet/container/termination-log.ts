const linesMax = 80;

/**
 * The text of the last lines of a container's log file, without what the runtime writes before each: `time stream tag`.
 * A line with the tag P is partial: it goes on in the next, or was never ended. `log` may begin within a line.
 */
export function lastLogLines(log: string): string {
  // The last piece is empty after the final newline.
  const lines = log.split("\n").slice(-linesMax - 1, -1);
  const texts = lines.map((line) => {
    const [, , tag, ...words] = line.split(" ");
    return `${words.join(" ")}${tag === "P" ? "" : "\n"}`;
  });
  return texts.join("");
}
