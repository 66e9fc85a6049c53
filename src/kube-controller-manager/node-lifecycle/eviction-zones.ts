import type { Node } from "../../api/core/v1/types.gen.ts";

// --node-eviction-rate, --secondary-node-eviction-rate, --large-cluster-size-threshold, --unhealthy-zone-threshold.
const evictionRate = 0.1;
const secondaryEvictionRate = 0.01;
const largeZoneMin = 50;
const unhealthyShare = 0.55;

interface Zone {
  ready: number;
  notReady: number;
  /** When the next node of the zone may be tainted, on the monotonic clock. */
  nextAtMs: number;
}

/**
 * Slows the eviction of pods when many nodes fail at once: then rather the network, or we, are at fault than the nodes.
 * Each zone has its rate: normal, reduced when most of the zone is down, none in a small zone. When every zone is down
 * after having been up, all eviction stops.
 */
export class EvictionZones {
  readonly #zones = new Map<string, Zone>();
  readonly #nodes = new Map<string, { readonly zone: string; readonly isReady: boolean }>();
  #wasUp = false;

  /** Takes note of the node. Returns whether rates have changed, so that waiting nodes should be looked at again. */
  note(node: Node, isReady: boolean): boolean {
    const { name } = node.metadata;
    const zone = zoneOf(node);
    const known = this.#nodes.get(name);
    if (known?.zone === zone && known.isReady === isReady) return false;
    return this.#change(() => {
      this.#remove(name);
      const counts = this.#zones.get(zone) ?? { ready: 0, notReady: 0, nextAtMs: 0 };
      this.#zones.set(zone, counts);
      counts[isReady ? "ready" : "notReady"]++;
      this.#nodes.set(name, { zone, isReady });
    });
  }

  forget(name: string): boolean {
    return this.#nodes.has(name) && this.#change(() => this.#remove(name));
  }

  /** True while every node is down, after some was up: no node is tainted then. */
  get isStopped(): boolean {
    return this.#wasUp && this.#isDown();
  }

  /** 0 when the node may be tainted now, and then the next of its zone has to wait; else how long, or never. */
  reserve(node: Node, nowMs: number): number {
    const zone = this.#zones.get(zoneOf(node));
    const perSecond = zone ? this.#rate(zone) : 0;
    if (!zone || perSecond === 0) return Number.POSITIVE_INFINITY;
    if (zone.nextAtMs > nowMs) return zone.nextAtMs - nowMs;
    zone.nextAtMs = nowMs + 1000 / perSecond;
    return 0;
  }

  /** The node was not tainted after all. */
  giveBack(node: Node): void {
    const zone = this.#zones.get(zoneOf(node));
    if (zone) zone.nextAtMs = 0;
  }

  #rate(zone: Zone): number {
    if (this.isStopped) return 0;
    const total = zone.ready + zone.notReady;
    const isPartial = zone.ready > 0 && zone.notReady > 2 && zone.notReady / total >= unhealthyShare;
    if (!isPartial) return evictionRate;
    return total > largeZoneMin ? secondaryEvictionRate : 0;
  }

  #isDown(): boolean {
    return this.#nodes.size > 0 && [...this.#zones.values()].every((zone) => zone.ready === 0);
  }

  #change(apply: () => void): boolean {
    const before = this.#summary();
    apply();
    if (!this.#isDown() && this.#nodes.size > 0) this.#wasUp = true;
    return before !== this.#summary();
  }

  #summary(): string {
    return `${this.isStopped} ${[...this.#zones].map(([name, zone]) => `${name}=${this.#rate(zone)}`).join()}`;
  }

  #remove(name: string): void {
    const known = this.#nodes.get(name);
    if (!known) return;
    this.#nodes.delete(name);
    const zone = this.#zones.get(known.zone);
    if (!zone) return;
    zone[known.isReady ? "ready" : "notReady"]--;
    if (zone.ready + zone.notReady === 0) this.#zones.delete(known.zone);
  }
}

function zoneOf({ metadata: { labels = {} } }: Node): string {
  return `${labels["topology.kubernetes.io/region"] ?? ""}:${labels["topology.kubernetes.io/zone"] ?? ""}`;
}
