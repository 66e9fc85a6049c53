import assert from "node:assert/strict";
import { test } from "node:test";

import { tunnelMac, vxlanCommands } from "./vxlan.ts";

test("a tunnel is made to lead to each node, and to none that is gone", () => {
  const present = {
    routes: ["10.244.1.0/24", "10.244.9.0/24"],
    neighbours: ["10.244.1.0", "10.244.9.0"],
    forwarding: [
      { mac: tunnelMac("192.168.1.2"), dst: "192.168.1.2" },
      { mac: tunnelMac("192.168.9.9"), dst: "192.168.9.9" },
    ],
  };
  const wanted = [{ podCidr: "10.244.1.0/24", nodeIp: "192.168.1.2" }];
  assert.deepEqual(vxlanCommands("vx", present, wanted), {
    bridge: [
      "fdb delete 02:6b:c0:a8:09:09 dev vx dst 192.168.9.9",
      "fdb replace 02:6b:c0:a8:01:02 dev vx dst 192.168.1.2 self permanent",
    ],
    ip: [
      "route delete 10.244.9.0/24 dev vx proto 184",
      "neigh delete 10.244.9.0 dev vx",
      "neigh replace 10.244.1.0 lladdr 02:6b:c0:a8:01:02 dev vx nud permanent",
      "route replace 10.244.1.0/24 via 10.244.1.0 dev vx onlink proto 184",
    ],
  });
});
