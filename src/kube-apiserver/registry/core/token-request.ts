import { badRequest, conflict, invalid } from "../../../apimachinery/errors/new.ts";
import type { KubeObject, Mutable } from "../../../apimachinery/resource-type.ts";
import { gvkFromApiVersion } from "../../../apimachinery/group-version.ts";
import { fieldInvalid } from "../../../apimachinery/validation/field-error.ts";
import { FieldPath } from "../../../apimachinery/validation/field-path.ts";
import { nodes, pods, secrets, serviceAccounts } from "../../../api/resources.gen.ts";
import type { TokenRequest } from "../../../api/authentication/v1/types.gen.ts";
import type { ServiceAccount } from "../../../api/core/v1/types.gen.ts";
import type { SubresourceRequest } from "../../../apiserver/registry/rest/strategy.ts";
import { formatTime } from "../../../component-helpers/time.ts";
import type { ServiceAccountTokenIssuer, TokenSubject } from "../../authentication/service-account-token-issuer.ts";

const secondsMin = 600;
const secondsMax = 2 ** 32;
const defaultSeconds = 3600;
const gk = { group: "authentication.k8s.io", kind: "TokenRequest" };

/** POST serviceaccounts/token: a token for the account, bound, when asked for, to a pod, secret or node. */
export async function createToken(
  request: SubresourceRequest,
  issuer: ServiceAccountTokenIssuer,
  defaultAudiences: readonly string[],
): Promise<KubeObject> {
  const { namespace, name, registry } = request;
  const body = request.body as unknown as Mutable<TokenRequest> | undefined;
  if (!body) throw badRequest("a TokenRequest is needed");
  const { metadata } = body;
  const same = (field: "name" | "namespace", value: string): void => {
    const sent = metadata[field];
    if (!sent || sent === value) return;
    const detail = `must match the service account ${field} if specified`;
    throw invalid(gk, name, [fieldInvalid(FieldPath.of("metadata", field), sent, detail)]);
  };
  same("name", name);
  same("namespace", namespace);
  const account = await registry.resource(serviceAccounts).get(namespace, name);
  const { uid } = account.metadata;
  if (metadata.uid && metadata.uid !== uid)
    throw conflict(
      { group: gk.group, resource: gk.kind },
      name,
      `the UID in the token request (${metadata.uid}) does not match the UID of the service account (${uid})`,
    );
  const seconds = body.spec.expirationSeconds ?? defaultSeconds;
  const path = FieldPath.of("spec", "expirationSeconds");
  if (seconds < secondsMin) {
    throw invalid(gk, "", [fieldInvalid(path, seconds, "may not specify a duration less than 10 minutes")]);
  }
  if (seconds > secondsMax) {
    throw invalid(gk, "", [fieldInvalid(path, seconds, "may not specify a duration larger than 2^32 seconds")]);
  }
  const audiences = (body.spec.audiences?.length ?? 0) > 0 ? (body.spec.audiences ?? []) : defaultAudiences;
  const subject = await subjectOf(request, account, body);
  const { token, expirationTimestamp } = await issuer.issue(subject, audiences, seconds);
  return {
    ...body,
    metadata: { ...metadata, name, namespace, uid, creationTimestamp: formatTime(request.context.nowMs) },
    spec: { ...body.spec, audiences, expirationSeconds: seconds },
    status: { token, expirationTimestamp },
  } as KubeObject;
}

async function subjectOf(
  request: SubresourceRequest,
  account: ServiceAccount,
  body: Mutable<TokenRequest>,
): Promise<TokenSubject> {
  const { namespace, registry } = request;
  const serviceAccount = { name: account.metadata.name, uid: account.metadata.uid };
  const bound = body.spec.boundObjectRef;
  const subject: TokenSubject = { namespace, serviceAccount };
  if (!bound) return subject;
  const name = bound.name ?? "";
  const identity = (object: { readonly metadata: { readonly uid: string } }): { name: string; uid: string } => {
    const { uid } = object.metadata;
    if (bound.uid && bound.uid !== uid) {
      const why = `the UID in the bound object reference (${bound.uid}) does not match the UID in record. The object might have been deleted and then recreated`;
      throw conflict({ group: "", resource: bound.kind ?? "" }, name, why);
    }
    return { name, uid };
  };
  const { group, version, kind } = gvkFromApiVersion(bound.apiVersion ?? "", bound.kind ?? "");
  switch (`${group}/${kind}`) {
    case "/Pod": {
      const pod = await registry.resource(pods).get(namespace, name);
      const podIdentity = identity(pod);
      if (pod.spec.serviceAccountName !== account.metadata.name) {
        throw badRequest(
          `cannot bind token for serviceaccount "${account.metadata.name}" to pod running with different serviceaccount name.`,
        );
      }
      const node = pod.spec.nodeName ? registry.lister(nodes).get("", pod.spec.nodeName) : undefined;
      return {
        ...subject,
        pod: podIdentity,
        ...(node ? { node: { name: node.metadata.name, uid: node.metadata.uid } } : {}),
      };
    }
    case "/Secret":
      return { ...subject, secret: identity(await registry.resource(secrets).get(namespace, name)) };
    case "/Node":
      return { ...subject, node: identity(await registry.resource(nodes).get("", name)) };
    default:
      throw badRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}
