import { type Agent, type IncomingHttpHeaders, request as requestPlain } from "node:http";
import { request as requestTls } from "node:https";
import type { LookupFunction } from "node:net";

export interface BoundedRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly body: string | Uint8Array;
  /** Resolves the host's name: this is where its addresses are judged. A literal address is not resolved. */
  readonly lookup: LookupFunction;
  /** Keeps connections; `false` closes them after the answer. It must be one for the URL's protocol. */
  readonly agent: Agent | false;
}

export interface BoundedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** How long a request may take in all, ms; and how long its answer may be, in bytes. */
const [patience, mostAnswer] = [15_000, 65_536];

/**
 * One HTTP request to a server that somebody else has named: it ends after 15 s, and its answer may have 64 KB. Redirects are answers: an
 * address is judged once. Rejects with an Error of one line where there is no answer.
 */
export function boundedRequest(url: URL, asked: BoundedRequest): Promise<BoundedAnswer> {
  const { method, headers, body, lookup, agent } = asked;
  return new Promise((resolve, reject) => {
    const payload = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    const request = (url.protocol === "http:" ? requestPlain : requestTls)(url, {
      ...{ method, agent, lookup },
      headers: { ...headers, "content-length": payload.length },
    });
    const timer = setTimeout(() => request.destroy(new Error("no answer within 15 s")), patience);
    const failed = ({ message, code }: NodeJS.ErrnoException): void => {
      clearTimeout(timer);
      // Where a name has several addresses and none answers, Node's error has no message.
      reject(new Error((message || code || "no connection").slice(0, 200).split("\n")[0]));
    };
    request.on("error", failed);
    request.on("response", (response) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      response.on("data", (chunk: Uint8Array) => {
        bytes += chunk.length;
        chunks.push(chunk);
        if (bytes <= mostAnswer) return;
        failed(new Error("the answer is over 64 KB"));
        request.destroy();
      });
      response.on("error", failed);
      response.on("end", () => {
        clearTimeout(timer);
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    request.end(payload);
  });
}
