/** A refusal as HTTP tells it. */
export interface HttpProblem {
  readonly status: number;
  /** A code of this server, where the endpoint has such. It stays the same when words change. */
  readonly code?: string;
  /** What is wrong, and what to change. */
  readonly detail: string;
  /** More members of the document. */
  readonly more?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  408: "Request timeout",
  409: "Conflict",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  429: "Too many requests",
  500: "Internal server error",
  503: "Service unavailable",
};

/** The response of a refusal: a problem document (RFC 9457). */
export function problemResponse({ status, code, detail, more, headers = {} }: HttpProblem): Response {
  const named = code === undefined ? {} : { code };
  const document = { title: titles[status] ?? "Error", status, ...named, detail, ...more };
  return new Response(`${JSON.stringify(document)}\n`, {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json" },
  });
}
