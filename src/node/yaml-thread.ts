import { Worker } from "node:worker_threads";

import { tooManyRequests } from "../apimachinery/errors/new.ts";
import { parseJson } from "../apimachinery/json/parse.ts";
import { YamlError, type YamlReader, type YamlReading } from "../apimachinery/yaml/parse.ts";
import type { YamlAnswer, YamlQuestion } from "./yaml-worker.ts";

// Honest YAML of the largest size a request may have takes two seconds on a machine that has nothing else to do.
const timeoutMsDefault = 20_000;
// A document of 3 MiB needs some 500 MB while it is read.
const memoryMaxMb = 1024;
// Texts that wait. Each is a request in flight, which has limits of its own.
const queuedMax = 16;
const idleMs = 30_000;
const retryAfterSeconds = 1;

interface Task {
  readonly text: string;
  readonly resolve: (reading: YamlReading) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Reads YAML on a thread of its own, one text at a time; a text that takes longer than it may costs the thread its life.
 * The thread is there only while it is needed. When too many texts wait, further ones are refused with TooManyRequests.
 */
export class YamlThread implements YamlReader, AsyncDisposable {
  readonly #timeoutMs: number;
  readonly #queue: Task[] = [];
  #worker: Worker | undefined;
  #current: Task | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: { readonly timeoutMs?: number } = {}) {
    this.#timeoutMs = options.timeoutMs ?? timeoutMsDefault;
  }

  read(text: string): Promise<YamlReading> {
    if (this.#queue.length >= queuedMax)
      return Promise.reject(tooManyRequests("Too many requests, please try again later.", retryAfterSeconds));
    return new Promise((resolve, reject) => {
      this.#queue.push({ text, resolve, reject });
      this.#next();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const waiting = this.#queue.splice(0);
    for (const { reject } of waiting) reject(new YamlError("yaml: the reader is closed"));
    await this.#stop(new YamlError("yaml: the reader is closed"));
  }

  #next(): void {
    if (this.#current) return;
    clearTimeout(this.#timer);
    this.#current = this.#queue.shift();
    if (!this.#current) {
      this.#timer = setTimeout(() => void this.#stop(), idleMs);
      this.#timer.unref();
      this.#worker?.unref();
      return;
    }
    this.#worker ??= this.#start();
    this.#worker.ref();
    this.#worker.postMessage({ text: this.#current.text } satisfies YamlQuestion);
    this.#timer = setTimeout(
      () => void this.#stop(new YamlError("yaml: document takes too long to read")),
      this.#timeoutMs,
    );
  }

  #start(): Worker {
    // In the bundle the thread's program is a file beside this one.
    const name = import.meta.url.endsWith(".ts")
      ? "yaml-worker.ts"
      : `yaml-worker${/\.\w+$/.exec(import.meta.url)?.[0]}`;
    const worker = new Worker(new URL(name, import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMaxMb },
    });
    worker.on("message", (answer: YamlAnswer) => {
      if (worker === this.#worker) this.#settle(answer);
    });
    worker.on("error", (cause) => {
      if (worker !== this.#worker) return;
      this.#worker = undefined;
      this.#fail(new YamlError("yaml: document cannot be read", { cause }));
    });
    return worker;
  }

  #settle(answer: YamlAnswer): void {
    const task = this.#current;
    this.#current = undefined;
    if ("failure" in answer) task?.reject(new YamlError(answer.failure));
    else {
      const { json, duplicates, duplicatesMessage } = answer;
      task?.resolve({ value: parseJson(json).value, duplicates, duplicatesMessage });
    }
    this.#next();
  }

  #fail(error: Error): void {
    const task = this.#current;
    this.#current = undefined;
    task?.reject(error);
    this.#next();
  }

  /** Ends the thread; what it was reading fails. */
  async #stop(why?: Error): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    clearTimeout(this.#timer);
    if (why) this.#fail(why);
    clearTimeout(this.#current ? undefined : this.#timer);
    await worker?.terminate();
  }
}
