import { SteppingClock } from "../../component-base/stepping-clock.ts";
import { SeededRandom } from "../../component-base/random.ts";
import { podInfo } from "../cache/pod-info.ts";
import { SchedulerCache } from "../cache/scheduler-cache.ts";
import { Framework } from "../framework/framework.ts";
import { CycleState, type ClusterEvent, type PostFilterResult } from "../framework/interface.ts";
import { explain } from "../framework/diagnosis.ts";
import { defaultPlugins } from "../plugins/registry.ts";
import { TestListers } from "./test-listers.ts";
import { testNode, testPod, type NodeShape, type PodShape } from "./test-objects.ts";

/** Nodes with pods, and the default profile's opinion about one more pod. */
export class TestCluster {
  readonly listers = new TestListers();
  readonly cache = new SchedulerCache();
  readonly clock = new SteppingClock();
  readonly framework: Framework;

  constructor(
    nodes: Readonly<Record<string, NodeShape>>,
    pods: Readonly<Record<string, PodShape>> = {},
    arrange: (listers: TestListers) => void = () => {},
  ) {
    arrange(this.listers);
    for (const [name, shape] of Object.entries(nodes)) this.cache.setNode(testNode(name, shape));
    for (const [name, shape] of Object.entries(pods)) this.cache.setAssignedPod(testPod(name, shape));
    const random = new SeededRandom(1);
    this.framework = new Framework(defaultPlugins(this.listers.handle({ clock: this.clock, random })));
  }

  /** The nodes that pass, by name. */
  feasible(shape: PodShape): readonly string[] {
    return this.#find(shape).feasible.map((node) => node.name);
  }

  /** What the event says when there is no node, without preemption. */
  message(shape: PodShape): string {
    return explain(this.#find(shape).diagnosis);
  }

  /** One plugin's normalized scores of the feasible nodes; undefined when it has nothing to say. */
  scores(plugin: string, shape: PodShape): Readonly<Record<string, number>> | undefined {
    const { state, pod, feasible } = this.#find(shape);
    const handle = this.listers.handle({ clock: this.clock, random: new SeededRandom(1) });
    const found = defaultPlugins(handle).find((p) => p.plugin.name === plugin)?.plugin;
    if (!found) throw new Error(`no plugin ${plugin}`);
    if (found.preScore?.(state, pod, feasible, this.cache.snapshot)?.code === "skip") return undefined;
    const scores = Float64Array.from(feasible, (node) => found.score?.(state, pod, node) ?? 0);
    found.normalizeScore?.(state, pod, scores, feasible);
    return Object.fromEntries(feasible.map((node, i) => [node.name, scores[i] ?? 0]));
  }

  /** What making room for the pod comes to. */
  preempt(shape: PodShape): PostFilterResult {
    const { state, pod, diagnosis } = this.#find(shape);
    const { snapshot } = this.cache;
    return this.framework.postFilter({ state, pod, snapshot, diagnosis, filters: this.framework });
  }

  /** Whether the event may help the pod that the plugin refused. */
  mayHelp(plugin: string, shape: PodShape, event: ClusterEvent): boolean {
    return this.framework.mayHelp(testPod("incoming", shape), new Set([plugin]), event);
  }

  nominate(name: string, shape: PodShape, nodeName: string): void {
    this.cache.snapshot.nominator.set(podInfo(testPod(name, shape)), nodeName);
  }

  #find(shape: PodShape) {
    const state = new CycleState();
    const pod = podInfo(testPod("incoming", shape));
    return { state, pod, ...this.framework.findFeasible(state, pod, this.cache.snapshot) };
  }
}
