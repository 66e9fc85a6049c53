// Syntax rules of names and other short texts. Every function returns the messages of what is wrong, none when all is well.
// The regular expressions are also part of the messages. All of them take time linear in the input: no two adjacent
// repetitions can match the same character.

type Messages = readonly string[];

const dns1123Label = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const dns1123Subdomain = `${dns1123Label}(\\.${dns1123Label})*`;
const dns1123LabelUnderscore = "_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?";
const dns1123SubdomainUnderscore = `${dns1123LabelUnderscore}(\\.${dns1123LabelUnderscore})*`;
const dns1035Label = "[a-z]([-a-z0-9]*[a-z0-9])?";
const labelKey = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const labelValue = `(${labelKey})?`;
const wildcardSubdomain = `\\*\\.${dns1123Subdomain}`;
const cIdentifier = "[A-Za-z_][A-Za-z0-9_]*";
const percent = "[0-9]+%";
const httpHeaderName = "[-A-Za-z0-9]+";
const httpPath = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const envVarName = "[-._a-zA-Z][-._a-zA-Z0-9]*";
const configMapKey = "[-._a-zA-Z0-9]+";
const conditionReason = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";

const dns1123LabelRegex = anchored(dns1123Label);
const dns1123SubdomainRegex = anchored(dns1123Subdomain);
const dns1123SubdomainUnderscoreRegex = anchored(dns1123SubdomainUnderscore);
const dns1035LabelRegex = anchored(dns1035Label);
const labelKeyRegex = anchored(labelKey);
const labelValueRegex = anchored(labelValue);
const wildcardSubdomainRegex = anchored(wildcardSubdomain);
const cIdentifierRegex = anchored(cIdentifier);
const percentRegex = anchored(percent);
const httpHeaderNameRegex = anchored(httpHeaderName);
const httpPathRegex = anchored(httpPath);
const envVarNameRegex = anchored(envVarName);
const configMapKeyRegex = anchored(configMapKey);
const conditionReasonRegex = anchored(conditionReason);

const dnsLabelLengthMax = 63;
const dnsSubdomainLengthMax = 253;
const labelPartLengthMax = 63;

/** Names of namespaces, services' endpoints and the like. */
export function validateDns1123Label(value: string): Messages {
  const messages = maxCharacters(value, dnsLabelLengthMax);
  if (dns1123LabelRegex.test(value)) return messages;
  if (dns1123SubdomainRegex.test(value)) return [...messages, "must not contain dots"];
  const rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...messages, regexMessage(rule, dns1123Label, "my-name", "123-abc")];
}

const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";

/** Names of most objects. */
export function validateDns1123Subdomain(value: string): Messages {
  const messages = maxCharacters(value, dnsSubdomainLengthMax);
  if (dns1123SubdomainRegex.test(value)) return messages;
  return [...messages, regexMessage(subdomainRule, dns1123Subdomain, "example.com")];
}

/** A DNS search path's domain, which may have underscores. */
export function validateDns1123SubdomainWithUnderscore(value: string): Messages {
  const messages = maxCharacters(value, dnsSubdomainLengthMax);
  if (dns1123SubdomainUnderscoreRegex.test(value)) return messages;
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return [...messages, regexMessage(rule, dns1123SubdomainUnderscore, "example.com")];
}

/** Names of Services: a DNS label that starts with a letter. */
export function validateDns1035Label(value: string): Messages {
  const messages = maxCharacters(value, dnsLabelLengthMax);
  if (dns1035LabelRegex.test(value)) return messages;
  const rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...messages, regexMessage(rule, dns1035Label, "my-name", "abc-123")];
}

/** `*.example.com` */
export function validateWildcardDns1123Subdomain(value: string): Messages {
  const messages = maxCharacters(value, dnsSubdomainLengthMax);
  if (wildcardSubdomainRegex.test(value)) return messages;
  const rule =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  return [...messages, regexMessage(rule, wildcardSubdomain, "*.example.com")];
}

/** A qualified name, `example.com/MyName` or `MyName`: keys of labels and annotations, finalizers, resource names. */
export function validateQualifiedName(value: string): Messages {
  const slash = value.indexOf("/");
  if (slash !== value.lastIndexOf("/")) {
    return [
      `a valid label key ${labelKeyMessage()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const messages: string[] = [];
  if (slash === 0) messages.push("prefix part must be non-empty");
  else if (slash > 0) {
    const prefix = value.slice(0, slash);
    messages.push(...maxBytes(prefix, dnsSubdomainLengthMax, "prefix part "));
    if (!dns1123SubdomainRegex.test(prefix)) {
      messages.push(`prefix part ${regexMessage(subdomainRule, dns1123Subdomain, "example.com")}`);
    }
  }
  const name = value.slice(slash + 1);
  if (name === "") messages.push("name part must be non-empty");
  else messages.push(...maxBytes(name, labelPartLengthMax, "name part "));
  if (!labelKeyRegex.test(name)) messages.push(`name part ${labelKeyMessage()}`);
  return messages;
}

function labelKeyMessage(): string {
  const rule =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return regexMessage(rule, labelKey, "MyName", "my.name", "123-abc");
}

const plainLabelPart = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** A label's name without prefix, or its value, with which nothing is wrong, as nearly always. Others may be valid, too. */
export function isPlainLabelPart(text: string): boolean {
  return plainLabelPart.test(text);
}

export function validateLabelValue(value: string): Messages {
  const messages = maxBytes(value, labelPartLengthMax, "");
  if (labelValueRegex.test(value)) return messages;
  const rule =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [...messages, regexMessage(rule, labelValue, "MyValue", "my_value", "12345")];
}

/** The least any name must keep, because names are path segments. `isPrefix`: something will be appended. */
export function validatePathSegmentName(name: string, isPrefix = false): Messages {
  if (!isPrefix && (name === "." || name === "..")) return [`may not be '${name}'`];
  return ["/", "%"].filter((c) => name.includes(c)).map((c) => `may not contain '${c}'`);
}

export function validateCIdentifier(value: string): Messages {
  if (cIdentifierRegex.test(value)) return [];
  const rule =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return [regexMessage(rule, cIdentifier, "my_name", "MY_NAME", "MyName")];
}

/** The strict form, for keys that become variable names by `envFrom`. */
export function validateEnvVarName(value: string): Messages {
  if (envVarNameRegex.test(value)) return directoryChange(value);
  const rule =
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
  return [regexMessage(rule, envVarName, "my.env-name", "MY_ENV.NAME", "MyEnvName1"), ...directoryChange(value)];
}

/** The form containers may use: printable ASCII without `=`. */
export function validateRelaxedEnvVarName(value: string): Messages {
  if (value === "") return ["environment variable name must be non-empty"];
  if (/^[ -<>-~]+$/.test(value)) return [];
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A key of a ConfigMap or Secret, which becomes a file name. */
export function validateConfigMapKey(value: string): Messages {
  const messages = [...maxCharacters(value, dnsSubdomainLengthMax)];
  if (!configMapKeyRegex.test(value)) {
    const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    messages.push(regexMessage(rule, configMapKey, "key.name", "KEY_NAME", "key-name"));
  }
  return [...messages, ...directoryChange(value)];
}

export function validatePortNumber(port: number): Messages {
  return validateInRange(port, 1, 65535);
}

/** A port's name: at most 15 of [-a-z0-9], with a letter. */
export function validatePortName(port: string): Messages {
  const messages = [...maxCharacters(port, 15)];
  if (!/^[-a-z0-9]+$/.test(port)) {
    messages.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  }
  if (!/[a-z]/.test(port)) messages.push("must contain at least one letter (a-z)");
  if (port.includes("--")) messages.push("must not contain consecutive hyphens");
  if (port.startsWith("-") || port.endsWith("-")) messages.push("must not begin or end with a hyphen");
  return messages;
}

export function validateInRange(value: number, min: number, max: number): Messages {
  return value >= min && value <= max ? [] : [inclusiveRangeMessage(min, max)];
}

/** A user or group ID. */
export function validateId(id: number): Messages {
  return validateInRange(id, 0, 2147483647);
}

export function inclusiveRangeMessage(min: number, max: number): string {
  return `must be between ${min} and ${max}, inclusive`;
}

export function validatePercent(value: string): Messages {
  if (percentRegex.test(value)) return [];
  const rule = "a valid percent string must be a numeric string followed by an ending '%'";
  return [regexMessage(rule, percent, "1%", "93%")];
}

export function validateHttpHeaderName(value: string): Messages {
  if (httpHeaderNameRegex.test(value)) return [];
  const rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return [regexMessage(rule, httpHeaderName, "X-Header-Name")];
}

/** The path part of a domain-prefixed path. */
export function validateHttpPath(value: string): Messages {
  return httpPathRegex.test(value) ? [] : [regexMessage("Invalid path", httpPath)];
}

export function validateConditionReason(value: string): Messages {
  if (conditionReasonRegex.test(value)) return [];
  const rule =
    "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";
  return [regexMessage(rule, conditionReason, "my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB")];
}

/** A rule on `metadata.name`; `isPrefix` asks about a generateName, to which something will be appended. */
export type NameRule = (name: string, isPrefix: boolean) => Messages;

export const nameIsDnsSubdomain: NameRule = (name, isPrefix) =>
  validateDns1123Subdomain(isPrefix ? maskTrailingDash(name) : name);

export const nameIsDnsLabel: NameRule = (name, isPrefix) =>
  validateDns1123Label(isPrefix ? maskTrailingDash(name) : name);

export const nameIsPathSegment: NameRule = validatePathSegmentName;

/** A trailing dash is fine where more follows. Like upstream, the character before it is masked as well. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}

/** `rule (e.g. 'a', or 'b', regex used for validation is 'regex')` */
export function regexMessage(rule: string, regex: string, ...examples: readonly string[]): string {
  const used = `regex used for validation is '${regex}')`;
  if (examples.length === 0) return `${rule} (${used}`;
  return `${rule} (e.g. ${examples.map((e) => `'${e}', `).join(" or ")}${used}`;
}

function anchored(regex: string): RegExp {
  return new RegExp(`^${regex}$`);
}

function maxCharacters(value: string, max: number): Messages {
  return isLongerThan(value, max) ? [`must be no more than ${max} characters`] : [];
}

function maxBytes(value: string, max: number, prefix: string): Messages {
  return isLongerThan(value, max) ? [`${prefix}must be no more than ${max} bytes`] : [];
}

/** Compares UTF-8 bytes, as Go's len does, and counts them only when it matters. */
function isLongerThan(value: string, bytesMax: number): boolean {
  if (value.length > bytesMax) return true;
  return value.length * 3 > bytesMax && utf8Length(value) > bytesMax;
}

/** The number of bytes of the text in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // Each half of a surrogate pair counts 2 of its 4 bytes.
    length += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return length;
}

function directoryChange(value: string): Messages {
  if (value === "." || value === "..") return [`must not be '${value}'`];
  return value.startsWith("..") ? ["must not start with '..'"] : [];
}
