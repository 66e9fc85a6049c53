import type { AuthenticationResult, Authenticator } from "../../apiserver/authentication/authenticator.ts";
import type { HttpRequest } from "../../component-base/http.ts";

/** The verified client certificate's common name is the user, its organizations are the groups. */
export class X509Authenticator implements Authenticator {
  authenticate(request: HttpRequest): Promise<AuthenticationResult | undefined> {
    const certificate = request.peer.certificate;
    if (!certificate || certificate.commonName === "") return Promise.resolve(undefined);
    const { commonName: name, organizations: groups, uid } = certificate;
    return Promise.resolve({ user: { name, groups, ...(uid === undefined ? {} : { uid }) } });
  }
}
