import { lookup as resolve } from "node:dns";
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { LookupFunction } from "node:net";
import { type BoundedAnswer, boundedRequest } from "../net/bounded-request.ts";
import { parseAddress, unmapped } from "../shared/ip-address.ts";
import type { PeerPolicy } from "../turn/peer-policy.ts";
import type { Attempt } from "./delivery-queue.ts";

/** Where webhooks may go. */
export interface SenderOptions {
  /** Judges every address that a connection is made to. */
  readonly policy: Pick<PeerPolicy, "judgeHost">;
  /** True for an address that may be reached by http: without it only https is spoken. */
  plainAllowed(address: string): boolean;
  readonly connections: number;
  readonly userAgent: string;
}

/** Posts webhooks. A connection is made to an address that was checked after its name was resolved, and it follows no redirect. */
export class WebhookSender {
  readonly #options: SenderOptions;
  readonly #agents: { readonly "http:": HttpAgent; readonly "https:": HttpsAgent };

  constructor(options: SenderOptions) {
    const agent = {
      keepAlive: true,
      maxSockets: options.connections,
      maxFreeSockets: options.connections,
      timeout: 30_000,
    };
    this.#options = options;
    this.#agents = { "http:": new HttpAgent(agent), "https:": new HttpsAgent(agent) };
  }

  /** Sends once. Text is JSON; of bytes the headers say what they are. Never rejects. */
  async post(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): Promise<Attempt> {
    const plain = url.protocol === "http:";
    const literal = url.hostname.replace(/^\[|\]$/g, "");
    // A name is judged when it has been resolved; an address is not resolved.
    const refusal = parseAddress(literal) === undefined ? undefined : this.#refusal(literal, plain);
    if (refusal !== undefined) return { ok: false, failure: refusal };
    const { userAgent } = this.#options;
    try {
      const answer = await boundedRequest(url, {
        method: "POST",
        agent: plain ? this.#agents["http:"] : this.#agents["https:"],
        lookup: this.#lookup(plain),
        headers: { "content-type": "application/json", ...headers, "user-agent": userAgent },
        body,
      });
      return outcomeOf(answer);
    } catch (error) {
      return { ok: false, failure: (error as Error).message };
    }
  }

  stop(): void {
    this.#agents["http:"].destroy();
    this.#agents["https:"].destroy();
  }

  #lookup(plain: boolean): LookupFunction {
    return (host, options, done) => {
      resolve(host, { all: true, verbatim: true }, (error, addresses) => {
        if (error !== null) {
          done(error, "", 0);
          return;
        }
        // All of them must do: a client may try any.
        const refusal = addresses
          .map(({ address }) => this.#refusal(address, plain))
          .find((one) => one !== undefined);
        const [first] = addresses;
        if (refusal !== undefined || first === undefined)
          done(new Error(refusal ?? "the name has no address"), "", 0);
        else if (options.all === true) done(null, addresses);
        else done(null, first.address, first.family);
      });
    };
  }

  /** Why nothing is sent to this address. */
  #refusal(text: string, plain: boolean): string | undefined {
    const bytes = parseAddress(text);
    if (bytes === undefined) return `${text} is no address`;
    const verdict = this.#options.policy.judgeHost(unmapped(bytes), "");
    if (verdict !== "direct") return `the address ${text} is not allowed (${verdict})`;
    if (plain && !this.#options.plainAllowed(text)) return "http is not allowed there: use https";
    return undefined;
  }
}

function outcomeOf({ status, headers }: BoundedAnswer): Attempt {
  if (status >= 200 && status < 300) return { ok: true };
  const failure = status >= 300 && status < 400 ? `${status}: redirects are not followed` : String(status);
  if (status === 410) return { ok: false, failure, gone: true };
  const wait = retryAfter(headers["retry-after"]);
  if (wait !== undefined || [429, 502, 504].includes(status))
    return { ok: false, failure, slowDown: wait ?? 0 };
  return { ok: false, failure };
}

/** `Retry-After` in ms (RFC 9110 §10.2.3). */
function retryAfter(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}
