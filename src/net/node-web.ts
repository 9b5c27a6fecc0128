import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { refuseLargeBody } from "./body-limit.ts";
import { after } from "./clock.ts";
import { requestUrl } from "./request-url.ts";
import { refusalResponse, unusableRequest } from "./upgrade.ts";

/** Node's request as a web-standard Request, or the response if it can't be one. `outgoing` tells when the client leaves. */
export function webRequest(
  incoming: IncomingMessage,
  outgoing: ServerResponse | undefined,
  bodyBytes: number,
): Request | Response {
  const secure = "encrypted" in incoming.socket;
  const address = urlOf(incoming, secure);
  if (address === undefined) return refusalResponse(unusableRequest);
  const refusal = outgoing && refuseLargeBody(incoming.headers["content-length"], bodyBytes);
  if (refusal !== undefined) return refusal;
  const headers = new Headers();
  for (let at = 0; at + 1 < incoming.rawHeaders.length; at += 2)
    headers.append(incoming.rawHeaders[at] ?? "", incoming.rawHeaders[at + 1] ?? "");
  const method = incoming.method ?? "GET";
  if (outgoing === undefined) return new Request(address, { method, headers });
  const gone = new AbortController();
  outgoing.once("close", () => {
    if (!outgoing.writableFinished) gone.abort();
  });
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(address, {
    method,
    headers,
    signal: gone.signal,
    ...(hasBody ? { body: body(incoming, bodyBytes), duplex: "half" } : {}),
  } as RequestInit);
}

/** Undefined where the Host header is there twice, or is missing though HTTP/1.1 needs it (RFC 9112 §3.2). */
function urlOf({ rawHeaders, httpVersion, url }: IncomingMessage, secure: boolean): string | undefined {
  const hosts = rawHeaders.filter(
    (_value, at) => rawHeaders[at - 1]?.toLowerCase() === "host" && at % 2 === 1,
  );
  if (hosts.length > 1 || (hosts.length === 0 && httpVersion !== "1.0")) return undefined;
  return requestUrl(secure, hosts[0], url ?? "/");
}

/** Writes a web-standard response. */
export async function answer(response: Response, outgoing: ServerResponse, headOnly: boolean): Promise<void> {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.appendHeader(name, value);
  if (response.body === null || headOnly) {
    outgoing.end();
    return;
  }
  await pipeline(Readable.fromWeb(response.body as unknown as ReadableStream), outgoing);
}

/** How long a client may take to hang up once it was refused. ms */
const hangUpTimeout = 2_000;

/** Answers an upgrade with a plain response, and closes the connection. */
export function refuseUpgrade(raw: import("node:stream").Duplex, response: Response): void {
  const cancel = after(hangUpTimeout, () => raw.destroy());
  raw.once("close", cancel);
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  void response.text().then((text) => {
    const length = Buffer.byteLength(text);
    raw.end(
      `HTTP/1.1 ${response.status} Refused\r\n${headers}Connection: close\r\nContent-Length: ${length}\r\n\r\n${text}`,
    );
  });
}

/** The body. It fails when it exceeds the limit. Requests with a larger Content-Length were refused before. */
function body(incoming: IncomingMessage, bodyBytes: number): BodyInit {
  let seen = 0;
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > bodyBytes) done(new RangeError(`a body may have ${bodyBytes} bytes`));
      else done(null, chunk);
    },
  });
  incoming.pipe(limited);
  return Readable.toWeb(limited) as unknown as BodyInit;
}
