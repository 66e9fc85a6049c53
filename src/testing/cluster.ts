/** The folder's compile unit needs one file until the kit is in it. */
export type { Cluster } from "../cluster/create-cluster.ts";
