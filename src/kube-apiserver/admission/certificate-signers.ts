import type { CertificateSigningRequest } from "../../api/certificates/v1/types.gen.ts";
import type { AdmissionAttributes, AdmissionPlugin } from "../../apiserver/admission/admission-plugin.ts";
import type { Authorizer } from "../../apiserver/authorization/authorizer.ts";
import { semanticEqual } from "../../component-helpers/semantic-equal.ts";
import { refuse } from "./refuse.ts";

const group = "certificates.k8s.io";

/** Who approves or signs a certificate request needs the verb `approve` or `sign` on its signer: upstream's plugins CertificateApproval and CertificateSigning. */
export class CertificateSigners implements AdmissionPlugin {
  readonly name = "CertificateSigners";
  readonly #authorizer: Authorizer;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  handles(operation: AdmissionAttributes["operation"]): boolean {
    return operation === "UPDATE";
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    if (attributes.group !== group || attributes.resource !== "certificatesigningrequests") return;
    const request = attributes.object as unknown as CertificateSigningRequest | undefined;
    const old = attributes.oldObject as unknown as CertificateSigningRequest | undefined;
    if (!request || !old) return;
    const { signerName } = old.spec;
    if (attributes.subresource === "approval" && !(await this.#may(attributes, "approve", signerName))) {
      throw refuse(attributes, `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`);
    }
    if (attributes.subresource !== "status" || semanticEqual(request.status, old.status)) return;
    if (!(await this.#may(attributes, "sign", signerName))) {
      throw refuse(attributes, `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`);
    }
  }

  /** By the signer's name, or for all of its domain. */
  async #may({ user }: AdmissionAttributes, verb: string, signerName: string): Promise<boolean> {
    for (const name of [signerName, `${signerName.split("/")[0]}/*`]) {
      const question = { user, verb, isResourceRequest: true, namespace: "", apiGroup: group, apiVersion: "*" };
      const { decision } = await this.#authorizer.authorize({
        ...question,
        resource: "signers",
        subresource: "",
        name,
        path: "",
      });
      if (decision === "allow") return true;
    }
    return false;
  }
}
