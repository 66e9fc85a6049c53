import { clusterDirectory, clusterOptions, parseCommandLine } from "./arguments.ts";
import { supervise } from "./supervisor.ts";

export async function superviseCommand(args: readonly string[]): Promise<void> {
  const { values } = parseCommandLine(args, clusterOptions);
  await supervise(clusterDirectory(values));
}
