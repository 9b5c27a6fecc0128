import { Type } from "typebox";
import { Time } from "./operations/schemas.ts";
import { apiPath } from "./router.ts";

/** Where pages get tokens for guests: always on the main port, with a publishable key in place of an API key. */
export const guestTokensPath = `${apiPath}/guest-tokens`;

/** What a guest's page is answered. */
const GuestToken = Type.Object({
  token: Type.String({ description: "Signs the guest in." }),
  user: Type.String({ description: "The guest's name, which nobody else has." }),
  target: Type.String({ description: "Whom the guest may call." }),
  expires: Time("When the token ends."),
});

/** The operation in the OpenAPI document. `refusals`: the answers to what can be wrong, by status. */
export function guestTokensDocument(refusals: (status: number) => object): object {
  return {
    ...{ operationId: "createGuestToken", tags: ["Keys"], security: [{ publishableKey: [] }] },
    summary: "Makes a token for a guest, who may call the key's target",
    description:
      "For pages of the key's origins, by CORS. It needs no body, and is always on the main port. 403 answers pages of other origins, and requests without `Origin`.",
    parameters: [
      {
        ...{ name: "Origin", in: "header", required: true, schema: { type: "string" } },
        description: "The page's origin. Browsers send it.",
      },
    ],
    responses: {
      201: { description: "The token.", content: { "application/json": { schema: GuestToken } } },
      ...Object.fromEntries([401, 403, 405, 429].map((status) => [status, refusals(status)])),
    },
  };
}
