import type { WhipAnswer, WhipPushPorts, WhipTarget } from "../media/push/whip-pushes.ts";
import { type BoundedAnswer, boundedRequest } from "../net/bounded-request.ts";
import { fail, ok, type Result } from "../shared/result.ts";

/** Which addresses may be reached. */
export interface WhipClientRules {
  /** The address of a host. Rejects with an Error of one line where it isn't allowed. */
  resolve(host: string): Promise<string>;
  /** True for an address that may be reached by http: without it only https is spoken. */
  plainAllowed(address: string): boolean;
}

/** The HTTP side of a WHIP client (RFC 9725 §4.2). It follows no redirect: an address is checked once, and the token goes nowhere else. */
export function whipClient(rules: WhipClientRules): Pick<WhipPushPorts, "offer" | "leave"> {
  return {
    offer: async (target, sdp): Promise<Result<WhipAnswer, string>> => {
      let answered: BoundedAnswer;
      try {
        answered = await send(rules, target, new URL(target.url), { method: "POST", body: sdp });
      } catch (error) {
        return fail((error as Error).message);
      }
      const { status, headers, text } = answered;
      const { location } = headers;
      if (status !== 201) return fail(`the target answered ${status}`);
      const session =
        location !== undefined && URL.canParse(location, target.url)
          ? new URL(location, target.url)
          : undefined;
      return ok({ sdp: text, session: session?.href });
    },
    leave: (target, session) => {
      const url = new URL(session);
      // The token is for the target alone.
      if (url.origin !== new URL(target.url).origin) return;
      send(rules, target, url, { method: "DELETE", body: "" }).catch(() => undefined);
    },
  };
}

async function send(
  { resolve, plainAllowed }: WhipClientRules,
  { token }: WhipTarget,
  url: URL,
  { method, body }: { readonly method: "POST" | "DELETE"; readonly body: string },
): Promise<BoundedAnswer> {
  const plain = url.protocol === "http:";
  const address = await resolve(url.hostname.replace(/^\[|\]$/g, ""));
  if (plain && !plainAllowed(address)) throw new Error("http is not allowed there: use https");
  const family = address.includes(":") ? 6 : 4;
  return boundedRequest(url, {
    ...{ method, body },
    agent: false,
    lookup: (_, options, found) =>
      options.all === true ? found(null, [{ address, family }]) : found(null, address, family),
    headers: {
      ...(body !== "" && { "content-type": "application/sdp" }),
      ...(token !== "" && { authorization: `Bearer ${token}` }),
    },
  });
}
