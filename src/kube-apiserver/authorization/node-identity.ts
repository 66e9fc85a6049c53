import type { UserInfo } from "../../apiserver/authentication/user-info.ts";

const prefix = "system:node:";

/** The node a kubelet's identity stands for; undefined for everybody else. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.name.startsWith(prefix) || !user.groups.includes("system:nodes")) return undefined;
  return user.name.slice(prefix.length);
}
