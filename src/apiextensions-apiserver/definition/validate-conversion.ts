import type { CustomResourceConversion } from "../../api/apiextensions/v1/types.gen.ts";
import {
  type FieldError,
  fieldForbidden,
  fieldNotSupported,
  fieldRequired,
} from "../../apimachinery/validation/field-error.ts";
import type { FieldPath } from "../../apimachinery/validation/field-path.ts";
import {
  reviewVersions,
  validateCaBundle,
  validateClientConfig,
  validateReviewVersions,
} from "../../apiserver/webhook/validate-client-config.ts";

/** What stored definitions may keep. */
export interface ConversionRules {
  readonly allowsBadCaBundle: boolean;
  /** None of the versions of reviews is one that this server speaks. */
  readonly allowsUnknownReviews: boolean;
}

type Conversion = CustomResourceConversion | undefined;

/** Paths and order are upstream's own, which are not quite those of the API. */
export function validateConversion(conversion: Conversion, path: FieldPath, rules: ConversionRules): FieldError[] {
  if (!conversion) return [];
  const { strategy, webhook } = conversion;
  const strategies = ["None", "Webhook"];
  const errors: FieldError[] = [];
  if (strategy === "") errors.push(fieldRequired(path.child("strategy")));
  else if (!strategies.includes(strategy)) errors.push(fieldNotSupported(path.child("strategy"), strategy, strategies));
  const config = path.child("webhookClientConfig");
  const reviews = path.child("conversionReviewVersions");
  const clientConfig = webhook?.clientConfig;
  // A list that is null is judged as an empty one.
  const conversionReviewVersions = webhook?.conversionReviewVersions ?? [];
  if (strategy !== "Webhook") {
    const detail = "should not be set when strategy is not set to Webhook";
    if (clientConfig) errors.push(fieldForbidden(config, detail));
    if (conversionReviewVersions.length > 0) errors.push(fieldForbidden(reviews, detail));
    return errors;
  }
  if (clientConfig) {
    errors.push(...validateClientConfig(clientConfig, config));
    if (!rules.allowsBadCaBundle) errors.push(...validateCaBundle(clientConfig, config.child("caBundle")));
  } else errors.push(fieldRequired(config, "required when strategy is set to Webhook"));
  errors.push(
    ...validateReviewVersions(conversionReviewVersions, reviews, { allowsUnknown: rules.allowsUnknownReviews }),
  );
  return errors;
}

/** Also where there are none. */
export function reviewsAreKnown(conversion: Conversion): boolean {
  const versions = conversion?.webhook?.conversionReviewVersions ?? [];
  return versions.length === 0 || versions.some((version) => reviewVersions.includes(version));
}

/** Also where there is none. */
export function hasValidCaBundle(conversion: Conversion): boolean {
  const config = conversion?.webhook?.clientConfig;
  return config === undefined || validateCaBundle(config, undefined).length === 0;
}
