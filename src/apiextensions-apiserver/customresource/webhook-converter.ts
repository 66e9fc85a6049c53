import type { CustomResourceConversion } from "../../api/apiextensions/v1/types.gen.ts";
import { internalError } from "../../apimachinery/errors/new.ts";
import { StatusError } from "../../apimachinery/errors/status-error.ts";
import { goQuote } from "../../apimachinery/go-format.ts";
import { isJsonObject } from "../../apimachinery/object.ts";
import type { KubeObject, Mutable } from "../../apimachinery/resource-type.ts";
import type { WebhookClient } from "../../apiserver/webhook/webhook-client.ts";
import { errorText } from "../../component-base/logger.ts";
import { randomUuid, type Random } from "../../component-base/random.ts";

// Upstream's.
const timeoutSeconds = 30;

export interface WebhookConverterOptions {
  readonly conversion: CustomResourceConversion;
  readonly client: WebhookClient;
  readonly random: Random;
}

/**
 * Asks the webhook of a definition for objects in other versions. What it answered for an object is kept as long as the object
 * itself, so that reads of what is cached ask once.
 */
export class WebhookConverter {
  readonly #options: WebhookConverterOptions;
  /** By apiVersion wanted, then by object. */
  readonly #known = new Map<string, WeakMap<KubeObject, Mutable<KubeObject>>>();

  constructor(options: WebhookConverterOptions) {
    this.#options = options;
  }

  /** Gets what is not known yet of these objects, in one call. Rejects with a failure (500) when there is no usable answer. */
  async prepare(objects: readonly KubeObject[], apiVersion: string): Promise<void> {
    const known = this.#of(apiVersion);
    const missing = objects.filter((object) => object.apiVersion !== apiVersion && !known.has(object));
    if (missing.length === 0) return;
    const converted = await this.#ask(missing, apiVersion);
    for (const [i, object] of missing.entries()) {
      const made = converted[i];
      if (made) known.set(object, made);
    }
  }

  /** What has been prepared; the object itself when it is of that version. */
  view(object: KubeObject, apiVersion: string): KubeObject {
    if (object.apiVersion === apiVersion) return object;
    const view = this.#of(apiVersion).get(object);
    if (!view)
      throw internalError(new Error(`an object of ${object.apiVersion} has not been converted to ${apiVersion}`));
    // The server itself goes on writing metadata: a revision, for one, is known only once the object is stored.
    const { labels: _labels, annotations: _annotations, ...kept } = object.metadata;
    return { ...view, metadata: { ...kept, ...view.metadata } };
  }

  #of(apiVersion: string): WeakMap<KubeObject, Mutable<KubeObject>> {
    let known = this.#known.get(apiVersion);
    if (!known) this.#known.set(apiVersion, (known = new WeakMap()));
    return known;
  }

  async #ask(objects: readonly KubeObject[], apiVersion: string): Promise<readonly Mutable<KubeObject>[]> {
    const { conversion, client, random } = this.#options;
    const { clientConfig = {}, conversionReviewVersions = [] } = conversion.webhook ?? {};
    const [first] = objects;
    const fail = (why: string, cause?: unknown): StatusError => {
      const gvk = `${first?.apiVersion ?? ""}, Kind=${first?.kind ?? ""}`;
      return new StatusError({ code: 500, reason: "", message: `conversion webhook for ${gvk} ${why}` }, { cause });
    };
    const version = conversionReviewVersions.find((each) => each === "v1" || each === "v1beta1");
    if (version === undefined) throw fail("failed: no supported conversion review versions");
    const review = `apiextensions.k8s.io/${version}`;
    const uid = randomUuid(random);
    let answer: unknown;
    try {
      answer = await client.post(
        clientConfig,
        {
          kind: "ConversionReview",
          apiVersion: review,
          request: { uid, desiredAPIVersion: apiVersion, objects },
        },
        timeoutSeconds,
      );
    } catch (error) {
      throw fail(`failed: ${error instanceof Error ? error.message : errorText(error)}`, error);
    }
    const converted = convertedObjects(answer, version === "v1" ? { review, uid } : undefined, (why) =>
      fail(`failed: ${why}`),
    );
    if (converted.length !== objects.length)
      throw fail(`returned ${converted.length} objects, expected ${objects.length}`);
    return objects.map((object, i) =>
      checked(object, converted[i], apiVersion, (why) =>
        fail(`returned invalid converted object at index ${i}: ${why}`),
      ),
    );
  }
}

/** The objects of an answer; `expected` is what one of v1 must repeat. */
function convertedObjects(
  answer: unknown,
  expected: { readonly review: string; readonly uid: string } | undefined,
  fail: (why: string) => StatusError,
): readonly unknown[] {
  const { apiVersion, kind, response } = isJsonObject(answer) ? answer : {};
  if (expected && (apiVersion !== expected.review || kind !== "ConversionReview")) {
    const got = `${textOf(apiVersion)}, Kind=${textOf(kind)}`;
    throw fail(`expected webhook response of ${expected.review}, Kind=ConversionReview, got ${got}`);
  }
  if (!isJsonObject(response)) throw fail("no response provided");
  if (expected && response["uid"] !== expected.uid)
    throw fail(`expected response.uid=${goQuote(expected.uid)}, got ${goQuote(textOf(response["uid"]))}`);
  const { status = "", message = "" } = isJsonObject(response["result"]) ? response["result"] : {};
  if (status !== "Success")
    throw fail(message === "" ? `response.result.status was '${textOf(status)}', not 'Success'` : textOf(message));
  const objects = response["convertedObjects"];
  return Array.isArray(objects) ? objects : [];
}

/**
 * A webhook changes what an object says, never which object it is: of metadata, it has a say in labels and annotations alone.
 * Those are all the metadata of the result.
 */
function checked(
  original: KubeObject,
  converted: unknown,
  apiVersion: string,
  fail: (why: string) => StatusError,
): Mutable<KubeObject> {
  if (!isJsonObject(converted)) throw fail("it is no object");
  const { metadata } = converted;
  if (converted["apiVersion"] !== apiVersion)
    throw fail(`invalid groupVersion (expected ${apiVersion}, received ${textOf(converted["apiVersion"])})`);
  if (converted["kind"] !== original.kind)
    throw fail(`invalid kind (expected ${original.kind}, received ${textOf(converted["kind"])})`);
  if (!isJsonObject(metadata)) throw fail("missing metadata in converted object");
  for (const [field, name] of [
    ["name", "name"],
    ["namespace", "namespace"],
    ["uid", "UID"],
  ] as const) {
    const [before = "", after = ""] = [original.metadata[field], metadata[field]];
    if (before !== after) throw fail(`must have the same ${name}: ${before} != ${textOf(after)}`);
  }
  const { labels, annotations } = metadata;
  const own = { ...textMap("labels", labels, fail), ...textMap("annotations", annotations, fail) };
  return { ...converted, apiVersion, kind: original.kind, metadata: own };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function textMap(name: string, value: unknown, fail: (why: string) => StatusError): object {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value) || Object.values(value).some((each) => typeof each !== "string"))
    throw fail(`metadata.${name} is no map of texts`);
  return { [name]: value };
}
