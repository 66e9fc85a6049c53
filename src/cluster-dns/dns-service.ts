import type { MetricRegistry, Counter } from "../component-base/metrics.ts";
import { formatAnswer, parseQuery, responseCodes, type Question } from "./message.ts";
import type { ClusterResolver } from "./resolver.ts";

/** Asks another server for a name outside of the cluster; packets in, packets out. Rejects when none answers. */
export type Forwarder = (query: Uint8Array, transport: "udp" | "tcp") => Promise<Uint8Array>;

export interface DnsServiceOptions {
  readonly resolver: ClusterResolver;
  /** Without one, names outside of the cluster are refused. */
  readonly forward?: Forwarder;
  readonly metrics: MetricRegistry;
}

/** Turns query packets into answer packets. Sockets are the platform's. */
export class DnsService {
  readonly #options: DnsServiceOptions;
  readonly #requests: Counter;

  constructor(options: DnsServiceOptions) {
    this.#options = options;
    this.#requests = options.metrics.counter("coredns_dns_responses_total", "Counter of response status codes", [
      "rcode",
    ]);
  }

  /**
   * The answer; undefined for packets that deserve none. A plain value when the cluster knows the answer, so that the
   * usual case costs no turn of the event loop; a promise when somebody else has to be asked.
   */
  handle(packet: Uint8Array, transport: "udp" | "tcp"): Uint8Array | undefined | Promise<Uint8Array> {
    const question = parseQuery(packet);
    if (!question) return undefined;
    const answer = this.#options.resolver.resolve(question);
    if (answer) {
      this.#requests.inc(String(answer.code));
      return formatAnswer(question, answer, transport);
    }
    const { forward } = this.#options;
    if (!forward) return this.#fail(question, responseCodes.refused, transport);
    return forward(packet, transport).catch(() => this.#fail(question, responseCodes.serverFailure, transport));
  }

  #fail(question: Question, code: number, transport: "udp" | "tcp"): Uint8Array {
    this.#requests.inc(String(code));
    return formatAnswer(question, { code, answers: [], authority: [], additional: [] }, transport);
  }
}
