import { lookup as resolve } from "node:dns";
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { LookupFunction } from "node:net";
import { parseAddress, unmapped } from "../shared/ip-address.ts";
import type { PeerPolicy } from "../turn/peer-policy.ts";
import type { Attempt } from "./delivery-queue.ts";

/** How long an attempt may take in all, and how much of an answer is read. */
const [patience, mostAnswer] = [15_000, 65_536];

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
  post(url: URL, headers: Readonly<Record<string, string>>, body: string | Uint8Array): Promise<Attempt> {
    return new Promise((done) => {
      const failed = (failure: string): void => done({ ok: false, failure });
      const plain = url.protocol === "http:";
      const literal = url.hostname.replace(/^\[|\]$/g, "");
      // A name is judged when it has been resolved; an address is not resolved.
      const refusal = parseAddress(literal) === undefined ? undefined : this.#refusal(literal, plain);
      if (refusal !== undefined) {
        failed(refusal);
        return;
      }
      const payload = typeof body === "string" ? Buffer.from(body, "utf8") : body;
      const request = (plain ? httpRequest : httpsRequest)(url, {
        method: "POST",
        agent: plain ? this.#agents["http:"] : this.#agents["https:"],
        lookup: this.#lookup(plain),
        headers: {
          "content-type": "application/json",
          ...headers,
          "content-length": payload.length,
          "user-agent": this.#options.userAgent,
        },
      });
      const timer = setTimeout(() => request.destroy(new Error("no answer within 15 s")), patience);
      const settle = (attempt: Attempt): void => {
        clearTimeout(timer);
        done(attempt);
      };
      request.on("error", (error) => settle({ ok: false, failure: error.message.slice(0, 200) }));
      request.on("response", (response) => {
        let read = 0;
        response.on("data", (chunk: Uint8Array) => {
          read += chunk.length;
          if (read <= mostAnswer) return;
          settle({ ok: false, failure: "the answer is over 64 KB" });
          request.destroy();
        });
        response.on("error", (error) => settle({ ok: false, failure: error.message.slice(0, 200) }));
        response.on("end", () => settle(outcomeOf(response)));
      });
      request.end(payload);
    });
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

function outcomeOf(response: IncomingMessage): Attempt {
  const { statusCode = 0, headers } = response;
  if (statusCode >= 200 && statusCode < 300) return { ok: true };
  const failure =
    statusCode >= 300 && statusCode < 400 ? `${statusCode}: redirects are not followed` : String(statusCode);
  if (statusCode === 410) return { ok: false, failure, gone: true };
  const wait = retryAfter(headers["retry-after"]);
  if (wait !== undefined || [429, 502, 504].includes(statusCode))
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
