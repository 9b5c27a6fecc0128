import { Type } from "typebox";
import { parseOriginRule } from "../../net/origin-rule.ts";
import type { HttpProblem } from "../../net/problem.ts";
import { parseAddress } from "../../protocol/address.ts";
import type { ApiContext } from "../context.ts";
import { answer, notFound, type Operation, operation } from "../operation.ts";
import { pageOf } from "../pages.ts";
import { closed, KeyId, Time } from "./schemas.ts";

const most = 100_000;

const own = {
  name: Type.String({ minLength: 1, maxLength: 64 }),
  target: Type.String({
    minLength: 1,
    maxLength: 264,
    description: "The user or device that guests may call.",
  }),
  origins: Type.Array(Type.String({ minLength: 1, maxLength: 256 }), {
    ...{ minItems: 1, maxItems: 100 },
    description: "Of the pages that may use it: `https://shop.example.com`, `https://*.example.com`.",
  }),
};
const rates = {
  perMinute: Type.Integer({
    minimum: 1,
    maximum: most,
    default: 60,
    description: "Tokens in a minute, in all.",
  }),
  perAddress: Type.Integer({
    minimum: 1,
    maximum: most,
    default: 6,
    description: "The same to one address.",
  }),
  lifetime: Type.Integer({
    minimum: 60,
    maximum: 86_400,
    default: 3_600,
    description: "Of a token, in seconds.",
  }),
};

const PublishableKey = Type.Object({
  ...{ id: KeyId, ...own, ...rates, created: Time("When it was made.") },
  expires: Type.Optional(Time("When it ends.")),
});

/** Keys for public pages, which get tokens for guests with them. */
export function publishableKeyOperations({ publishableKeys, wall }: ApiContext): Operation[] {
  return [
    operation({
      ...{
        id: "listPublishableKeys",
        method: "GET",
        path: "/publishable-keys",
        tag: "Keys",
        scope: "keys:read",
      },
      summary: "The keys of public pages",
      answers: { 200: { description: "The keys.", schema: pageOf(PublishableKey) } },
      perform: () => answer({ items: publishableKeys.list() }),
    }),
    operation({
      ...{ id: "createPublishableKey", method: "POST", path: "/publishable-keys", tag: "Keys" },
      ...{
        scope: "keys:write",
        summary: "Makes a key for a public page. It is shown this once",
        secret: true,
      },
      description:
        "Pages of its origins get tokens with it at `POST /api/v1/guest-tokens`, for guests who may call its target and nobody else.",
      body: Type.Object(
        {
          ...own,
          perMinute: Type.Optional(rates.perMinute),
          perAddress: Type.Optional(rates.perAddress),
          lifetime: Type.Optional(rates.lifetime),
          expires: Type.Optional(Time("When it ends.")),
        },
        closed,
      ),
      answers: { 201: { description: "The key.", schema: Type.Object({ id: KeyId, key: Type.String() }) } },
      perform: ({ body }) => {
        const { perMinute = 60, perAddress = 6, lifetime = 3_600, ...said } = body;
        const kind = parseAddress(said.target)?.kind;
        if (kind !== "user" && kind !== "device") return wrong("target", "names a user or a device");
        const general = ["*", "self", "null"];
        if (said.origins.some((one) => general.includes(one) || parseOriginRule(one) === undefined))
          return wrong("origins", "holds something that is no origin of a site");
        if (said.expires !== undefined && said.expires <= wall()) return wrong("expires", "must be ahead");
        return { status: 201, body: publishableKeys.add({ ...said, perMinute, perAddress, lifetime }) };
      },
    }),
    operation({
      ...{ id: "revokePublishableKey", method: "DELETE", path: "/publishable-keys/{key}", tag: "Keys" },
      ...{ scope: "keys:write", summary: "Revokes a key of public pages at once", refuses: [404] },
      description:
        "Its tokens sign nobody in any more. Guests who are connected with one are cut, at every node, and other nodes forget their copies of the key.",
      params: Type.Object({ key: KeyId }),
      answers: { 204: { description: "It is void." } },
      perform: ({ params }) => (publishableKeys.revoke(params.key) ? { status: 204 } : notFound("key")),
    }),
  ];
}

function wrong(field: string, what: string): HttpProblem {
  return { status: 400, code: "bad_request", detail: `${field}: ${what}.`, more: { field } };
}
