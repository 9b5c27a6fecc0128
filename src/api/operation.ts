import type { Static, TObject, TSchema } from "typebox";
import type { HttpProblem } from "../net/problem.ts";
import type { ListOrder } from "./pages.ts";
import type { Scope } from "./scopes.ts";

/** Who calls: the key's id, for records of what was done. */
export interface Caller {
  readonly key: string;
  readonly scopes: readonly Scope[];
}

/** One request, checked against the schemas of its operation. */
export interface Call<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: Caller;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly headers: Headers;
}

/** What an operation answers when it says yes. */
export interface Answer {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: unknown;
  /** Server-sent events instead of a body; the document says so by {@link AnswerKind.stream}. */
  readonly stream?: ReadableStream<Uint8Array>;
}

/** The schema of an answer's body; `undefined` where it has none. */
export interface AnswerKind {
  readonly description: string;
  readonly schema?: TSchema;
  /** It is a stream of server-sent events. */
  readonly stream?: true;
}

type Empty = Record<never, never>;
type Checked<S> = S extends TSchema ? Static<S> : Empty;

/** Which nodes of a cluster an operation is performed at; at the one that was asked where an operation says nothing. */
export type Over<P = never, Q = never, B = never> =
  /** All, and their pages are one. */
  | ({ readonly kind: "list" } & ListOrder<never>)
  /** All, and their answers become one. `silent`: nodes that gave none. */
  | {
      readonly kind: "all";
      gather(bodies: readonly never[], silent: readonly string[], call: Call<P, Q, B>): object;
    }
  /**
   * The one that has what it is about: others answer 404. `when` says whether this may be another node at all, `otherwise` what is answered
   * where all have said 404; undefined for that 404.
   */
  | {
      readonly kind: "owner";
      when?(call: Call<P, Q, B>): boolean;
      otherwise?(call: Call<P, Q, B>): Answer | undefined;
    }
  /** The one that the request names. */
  | { readonly kind: "node"; of(call: Call<P, Q, B>): string };

/** One operation of the API: what its request is checked against, what the document says of it, and what it does. */
export interface Operation {
  /** In the document, and of the client's method. */
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/api/v1`, with parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  /** What the key must have. */
  readonly scope: Scope;
  readonly params?: TObject;
  readonly query?: TObject;
  readonly body?: TSchema;
  readonly answers: Readonly<Partial<Record<Answer["status"], AnswerKind>>>;
  /** Status codes of refusals beside those that every operation has. */
  readonly refuses?: readonly (404 | 409 | 422 | 503)[];
  readonly over?: Over;
  /** Its answer shows a secret: it is not kept for a repeat under the same Idempotency-Key. */
  readonly secret?: boolean;
  perform(call: Call<never, never, never>): Answer | HttpProblem | Promise<Answer | HttpProblem>;
}

/** Gives the request of an operation the types of its schemas. */
export function operation<
  P extends TObject | undefined = undefined,
  Q extends TObject | undefined = undefined,
  B extends TSchema | undefined = undefined,
>(
  definition: Omit<Operation, "params" | "query" | "body" | "perform" | "over"> & {
    readonly params?: P;
    readonly query?: Q;
    readonly body?: B;
    readonly over?: Over<Checked<P>, Checked<Q>, Checked<B>>;
    perform(
      call: Call<Checked<P>, Checked<Q>, Checked<B>>,
    ): Answer | HttpProblem | Promise<Answer | HttpProblem>;
  },
): Operation {
  return definition as Operation;
}

/** The answer 200 with this body. */
export function answer(body: unknown): Answer {
  return { status: 200, body };
}

/** One text for what is not there and what the caller may not know of. */
export function notFound(what: string): HttpProblem {
  return { status: 404, code: "not_found", detail: `There is no such ${what}.` };
}

/** True for a refusal. */
export function isProblem(result: Answer | HttpProblem): result is HttpProblem {
  return "detail" in result;
}
