import { AwsClient } from "aws4fetch";

/** Where a bucket is, and who asks. */
export interface BucketOptions {
  /** Such as `https://s3.eu-central-1.amazonaws.com`. */
  readonly endpoint: string;
  /** Comes first in the path; empty where the endpoint is the bucket's own address. */
  readonly bucket: string;
  /** What the names of all objects begin with. */
  readonly prefix: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Why a request to the bucket failed, in words that hold no secret. */
export class BucketError extends Error {
  /** HTTP status; 0 where no answer came. */
  readonly status: number;

  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** How long an answer may take, ms. Longer for bytes that we send: a slow line needs minutes for a part. */
const [patience, sendPatience] = [20_000, 180_000];
/** Of an answer in XML so much is read. */
const mostAnswer = 65_536;

/** An S3-compatible bucket. Requests are signed by AWS SigV4, and never follow a redirect. Failures are {@link BucketError}s. */
export class Bucket {
  readonly #client: AwsClient;
  readonly #base: string;
  readonly #stopped = new AbortController();

  constructor({ endpoint, bucket, prefix, region, accessKeyId, secretAccessKey }: BucketOptions) {
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: 0 });
    this.#base = [endpoint.replace(/\/+$/, ""), ...(bucket === "" ? [] : [bucket]), prefix].join("/");
  }

  /** Writes an object whole. */
  async put(key: string, bytes: Uint8Array, type: string): Promise<void> {
    await this.#text(key, "", { method: "PUT", body: bytes, headers: { "Content-Type": type } });
  }

  /** Begins an upload in parts, and answers its id. */
  async begin(key: string, type: string): Promise<string> {
    const answer = await this.#text(key, "?uploads", { method: "POST", headers: { "Content-Type": type } });
    const [, id] = /<UploadId>([^<&]{1,2000})<\/UploadId>/.exec(answer) ?? [];
    if (id === undefined) throw new BucketError(502, "the answer names no upload");
    return id;
  }

  /** Sends a part, counted from 1, and answers its tag. Every part but the last has 5 MiB at least. */
  async putPart(key: string, upload: string, number: number, bytes: Uint8Array): Promise<string> {
    const query = `?partNumber=${number}&uploadId=${encodeURIComponent(upload)}`;
    const request = { method: "PUT", body: bytes };
    const response = await this.#send(key, query, request, this.#soon(request));
    await textOf(response);
    const tag = response.headers.get("etag") ?? "";
    if (!/^"?[\w-]{1,200}"?$/.test(tag)) throw new BucketError(502, "the answer has no ETag");
    return tag;
  }

  /** Makes the object of its parts. */
  async complete(key: string, upload: string, tags: readonly string[]): Promise<void> {
    const parts = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`);
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const answer = await this.#text(key, `?uploadId=${encodeURIComponent(upload)}`, {
      ...{ method: "POST", body, headers: { "Content-Type": "application/xml" } },
    });
    // The status was sent before the work was done.
    if (answer.includes("<Error>")) throw new BucketError(502, codeOf(answer) ?? "the parts did not fit");
  }

  /** Gives an upload in parts up, so that its parts cost nothing any more. */
  async abandon(key: string, upload: string): Promise<void> {
    await this.#gone(key, `?uploadId=${encodeURIComponent(upload)}`);
  }

  /** Bytes of an object; undefined where there is none. */
  async size(key: string): Promise<number | undefined> {
    try {
      const request = { method: "HEAD" };
      const response = await this.#send(key, "", request, this.#soon(request));
      return Number(response.headers.get("content-length") ?? 0);
    } catch (error) {
      if (error instanceof BucketError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** The bytes of an object from `first` to `last`, both included, as they come. Only the beginning of the answer has a time limit. */
  async get(key: string, first: number, last: number): Promise<ReadableStream<Uint8Array>> {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), patience);
    try {
      const request = { headers: { Range: `bytes=${first}-${last}` } };
      const response = await this.#send(key, "", request, end.signal);
      const whole = first === 0 && Number(response.headers.get("content-length")) === last + 1;
      if (response.body !== null && (response.status === 206 || whole)) return response.body;
      await response.body?.cancel();
      throw new BucketError(502, "the answer is not the range that was asked for");
    } finally {
      clearTimeout(timer);
    }
  }

  /** The same, whole. */
  async read(key: string, first: number, last: number): Promise<Uint8Array> {
    const request = { headers: { Range: `bytes=${first}-${last}` } };
    const length = last - first + 1;
    const bytes = await bytesOf(await this.#send(key, "", request, this.#soon(request)), length);
    if (bytes.length !== length) throw new BucketError(502, "the answer is not the range that was asked for");
    return bytes;
  }

  /** Removes an object, if there is one. */
  async remove(key: string): Promise<void> {
    await this.#gone(key, "");
  }

  /** Ends all requests that are under way. */
  stop(): void {
    this.#stopped.abort();
  }

  async #gone(key: string, query: string): Promise<void> {
    try {
      await this.#text(key, query, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof BucketError && error.status === 404)) throw error;
    }
  }

  async #text(key: string, query: string, init: BucketRequest): Promise<string> {
    return await textOf(await this.#send(key, query, init, this.#soon(init)));
  }

  /** Ends a request, its answer's body included, that takes too long. */
  #soon({ body }: BucketRequest): AbortSignal {
    const timeout = AbortSignal.timeout(body === undefined ? patience : sendPatience);
    return AbortSignal.any([this.#stopped.signal, timeout]);
  }

  /** Answers the response once its head is there, where that means success. */
  async #send(key: string, query: string, init: BucketRequest, signal: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      const request = await this.#client.sign(`${this.#base}${key}${query}`, init as RequestInit);
      response = await fetch(request, { redirect: "manual", signal });
    } catch (error) {
      throw new BucketError(0, signal.aborted ? "no answer in time" : wordsOf(error as Error));
    }
    if (response.ok) return response;
    const { status } = response;
    const code = codeOf(await textOf(response).catch(() => ""));
    const elsewhere = status >= 300 && status < 400 ? "redirects are not followed" : undefined;
    throw new BucketError(status, [status, code, elsewhere].filter((word) => word !== undefined).join(" "));
  }
}

interface BucketRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

function wordsOf(error: Error): string {
  const { cause = error } = error as { cause?: unknown };
  const { code, message = "no answer" } = cause as { code?: string; message?: string };
  return (code ?? message).slice(0, 200);
}

/** The code in an answer of S3, such as `NoSuchBucket`. The rest of it can hold what was signed. */
function codeOf(answer: string): string | undefined {
  return /<Code>(\w{1,64})<\/Code>/.exec(answer)?.[1];
}

async function textOf(response: Response): Promise<string> {
  return Buffer.from(await bytesOf(response, mostAnswer)).toString();
}

async function bytesOf(response: Response, most: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > most) break;
      chunks.push(chunk);
    }
  } catch {
    throw new BucketError(0, "the answer broke off");
  }
  if (bytes > most) throw new BucketError(502, "the answer is too long");
  return Buffer.concat(chunks);
}
