import { kubernetesVersion } from "../cluster/version.ts";
import { parseCommandLine } from "./arguments.ts";

export async function version(args: readonly string[]): Promise<void> {
  parseCommandLine(args, {});
  process.stdout.write(`k8ts (Kubernetes ${kubernetesVersion.gitVersion}) on Node ${process.versions.node}\n`);
}
