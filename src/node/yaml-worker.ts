import { parentPort } from "node:worker_threads";

import { stringifyJson } from "../apimachinery/json/stringify.ts";
import { parseYaml, YamlError } from "../apimachinery/yaml/parse.ts";
import { utf8Encode } from "../component-base/bytes.ts";

/** What is asked: the text of one document, however long. */
export interface YamlQuestion {
  readonly text: string;
}

/** Its data as JSON, or why it is none. */
export type YamlAnswer =
  | {
      readonly json: Uint8Array<ArrayBuffer>;
      readonly duplicates: readonly string[];
      readonly duplicatesMessage: string | undefined;
    }
  | { readonly failure: string };

/** The thread `YamlThread` starts: it reads texts one after the other. */
parentPort?.on("message", ({ text }: YamlQuestion) => {
  const answer = read(text);
  parentPort?.postMessage(answer, "json" in answer ? [answer.json.buffer] : []);
});

function read(text: string): YamlAnswer {
  try {
    const { value, duplicates, duplicatesMessage } = parseYaml(text, { bytesMax: Number.POSITIVE_INFINITY });
    return { json: new Uint8Array(utf8Encode(stringifyJson(value))), duplicates, duplicatesMessage };
  } catch (error) {
    if (error instanceof YamlError) return { failure: error.message };
    throw error;
  }
}
