import type { VersionInfo } from "../apimachinery/meta/v1/types.gen.ts";

/** What /version answers: the Kubernetes release whose behaviour is implemented. */
export const kubernetesVersion: VersionInfo = {
  major: "1",
  minor: "36",
  emulationMajor: "1",
  emulationMinor: "36",
  minCompatibilityMajor: "1",
  minCompatibilityMinor: "35",
  gitVersion: "v1.36.3+k8ts",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2026-11-21T00:00:00Z",
  goVersion: "none (TypeScript)",
  compiler: "v8",
  platform: "linux/amd64",
};
