import { request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { WhipAnswer, WhipPushPorts, WhipTarget } from "../media/push/whip-pushes.ts";
import { fail, ok, type Result } from "../shared/result.ts";

/** Which addresses may be reached. */
export interface WhipClientRules {
  /** The address of a host. Rejects with an Error of one line where it isn't allowed. */
  resolve(host: string): Promise<string>;
  /** True for an address that may be reached by http: without it only https is spoken. */
  plainAllowed(address: string): boolean;
}

/** How long an answer may take, ms; and how long it may be, in bytes. */
const [patience, mostAnswer] = [15_000, 65_536];

interface Answered {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** The HTTP side of a WHIP client (RFC 9725 §4.2). It follows no redirect: an address is checked once, and the token goes nowhere else. */
export function whipClient(rules: WhipClientRules): Pick<WhipPushPorts, "offer" | "leave"> {
  return {
    offer: async (target, sdp): Promise<Result<WhipAnswer, string>> => {
      let answered: Answered;
      try {
        answered = await send(rules, target, new URL(target.url), { method: "POST", body: sdp });
      } catch (error) {
        return fail((error as Error).message.slice(0, 200).split("\n")[0] ?? "");
      }
      const { status, location, text } = answered;
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
): Promise<Answered> {
  const plain = url.protocol === "http:";
  const address = await resolve(url.hostname.replace(/^\[|\]$/g, ""));
  if (plain && !plainAllowed(address)) throw new Error("http is not allowed there: use https");
  const family = address.includes(":") ? 6 : 4;
  return new Promise((done, failed) => {
    const request = (plain ? requestPlain : requestTls)(url, {
      method,
      agent: false,
      lookup: (_, options, found) =>
        options.all === true ? found(null, [{ address, family }]) : found(null, address, family),
      headers: {
        ...(body !== "" && { "content-type": "application/sdp" }),
        ...(token !== "" && { authorization: `Bearer ${token}` }),
        "content-length": Buffer.byteLength(body),
      },
    });
    const timer = setTimeout(() => request.destroy(new Error("the target did not answer in time")), patience);
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      finish();
    };
    request.on("error", ({ message }: Error) =>
      settle(() => failed(new Error(`the target can't be reached: ${message}`))),
    );
    request.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        if (text.length <= mostAnswer) return;
        settle(() => failed(new Error("the target's answer is over 64 KB")));
        request.destroy();
      });
      response.on("error", ({ message }: Error) => settle(() => failed(new Error(message))));
      response.on("end", () => {
        const { statusCode: status = 0, headers } = response;
        settle(() => done({ status, location: headers.location, text }));
      });
    });
    request.end(body);
  });
}
