import type { AuthenticationResult, Authenticator } from "../../apiserver/authentication/authenticator.ts";
import type { HttpRequest } from "../../component-base/http.ts";

/** Where audit logs and reviews find by which credential somebody came. */
const credentialIdKey = "authentication.kubernetes.io/credential-id";

/** The verified client certificate's common name is the user, its organizations are the groups. */
export class X509Authenticator implements Authenticator {
  authenticate(request: HttpRequest): Promise<AuthenticationResult | undefined> {
    const certificate = request.peer.certificate;
    if (!certificate || certificate.commonName === "") return Promise.resolve(undefined);
    const { commonName: name, organizations: groups, uid, sha256 } = certificate;
    const extra = sha256 === undefined ? undefined : { [credentialIdKey]: [`X509SHA256=${sha256}`] };
    return Promise.resolve({
      user: { name, groups, ...(uid === undefined ? {} : { uid }), ...(extra ? { extra } : {}) },
    });
  }
}
