import { type TSchema, Type } from "typebox";
import type { HttpProblem } from "../net/problem.ts";
import { longerThan } from "../shared/utf8.ts";
import type { Survey, SurveyQuestion } from "../signaling/survey.ts";
import type { Checkers } from "./check.ts";
import { type Answer, type Call, isProblem, type Operation, type Over } from "./operation.ts";
import { firstHalf, type ListOrder, mergePages, type Page } from "./pages.ts";

/** An operation with the checkers of its schemas. */
export interface CheckedOperation {
  readonly operation: Operation;
  readonly checkers: Checkers;
}

type Outcome = Answer | HttpProblem;

/** One operation, as a node has another one perform it. */
const question = {
  name: "api",
  argument: Type.Object({
    operation: Type.String(),
    params: Type.Unknown(),
    query: Type.Unknown(),
    body: Type.Unknown(),
  }),
  answer: Type.Object({
    status: Type.Integer({ minimum: 200, maximum: 599 }),
    body: Type.Optional(Type.Unknown()),
    detail: Type.Optional(Type.String()),
  }),
} as const satisfies SurveyQuestion<TSchema, TSchema>;

/** Bytes of a page that one node hands to another: a message of the backplane holds 1 MiB. */
const mostBytes = 1_000_000;

/** Has operations performed at the nodes that hold what they are about. */
export class Spread {
  readonly #survey: Survey;
  readonly #perform: (operation: Operation, call: Call<unknown, unknown, unknown>) => Promise<Outcome>;

  /** `perform` performs an operation at this node and never throws. */
  constructor(
    survey: Survey,
    operations: readonly CheckedOperation[],
    perform: (operation: Operation, call: Call<unknown, unknown, unknown>) => Promise<Outcome>,
  ) {
    this.#survey = survey;
    this.#perform = perform;
    const spread = new Map(
      operations.filter((one) => one.operation.over !== undefined).map((one) => [one.operation.id, one]),
    );
    survey.answers(question, async ({ operation: id, params, query, body }) => {
      const known = spread.get(id);
      if (known === undefined || !fits(known.checkers, { params, query, body }))
        throw new Error(`another node asks for ${id} in a way that this one doesn't know`);
      // Its scopes were checked at the node that was asked by the application.
      const caller = { key: "cluster", scopes: [] };
      const signal = new AbortController().signal;
      const headers = new Headers();
      const result = await perform(known.operation, { params, query, body, caller, signal, headers });
      const { over } = known.operation;
      return over?.kind === "list" && !isProblem(result) ? shortened(result, over) : result;
    });
  }

  /** Performs the operation at this node, and at others where its `over` says so. */
  async perform(operation: Operation, call: Call<unknown, unknown, unknown>): Promise<Outcome> {
    const { over } = operation;
    if (over === undefined) return await this.#perform(operation, call);
    switch (over.kind) {
      case "node":
        return await this.#atNode(operation, call, over.of(call as never));
      case "owner":
        return await this.#atOwner(operation, call, over);
    }
    const [own, { found: theirs, silent }] = await Promise.all([
      this.#perform(operation, call),
      this.#ask(operation, call, { others: true }),
    ]);
    const found = [own, ...theirs];
    const bodies = found.flatMap((one) => (isProblem(one) ? [] : [one.body]));
    if (bodies.length === 0 || (!isAbsent(own) && isProblem(own))) return own;
    const partial = silent.length === 0 ? {} : { partial: silent };
    if (over.kind === "all") {
      const body = over.gather(bodies as never, silent, call as never);
      return { status: 200, body: { ...body, ...partial } };
    }
    const { limit } = call.query as { readonly limit?: number };
    const merged = mergePages(bodies as Page<never>[], over, limit);
    return { status: 200, body: { ...merged, ...partial } };
  }

  async #atNode(operation: Operation, call: Call<unknown, unknown, unknown>, node: string): Promise<Outcome> {
    const { found, silent } = await this.#ask(operation, call, { only: node });
    if (silent.length > 0) return unanswered(silent);
    return found[0] ?? { status: 404, code: "not_found", detail: "There is no such node." };
  }

  /** This node first: most often it is the one. */
  async #atOwner(
    operation: Operation,
    call: Call<unknown, unknown, unknown>,
    { when, otherwise }: Extract<Over, { readonly kind: "owner" }>,
  ): Promise<Outcome> {
    const own = await this.#perform(operation, call);
    if (when?.(call as never) === false || !isAbsent(own)) return own;
    const { found, silent } = await this.#ask(operation, call, { others: true });
    const owner = found.find((one) => !isAbsent(one));
    if (owner !== undefined) return owner;
    return silent.length === 0 ? (otherwise?.(call as never) ?? own) : unanswered(silent);
  }

  async #ask(
    { id }: Operation,
    { params, query, body }: Call<unknown, unknown, unknown>,
    options: { readonly only?: string; readonly others?: boolean },
  ): Promise<{ found: Outcome[]; silent: readonly string[] }> {
    const plain = { params: params ?? {}, query: query ?? {}, body: body ?? null };
    const { answers, silent } = await this.#survey.ask(question, { operation: id, ...plain }, options);
    return { found: [...answers.values()] as Outcome[], silent };
  }
}

function fits(
  { params, query, body }: Checkers,
  given: Pick<Call<unknown, unknown, unknown>, "params" | "query" | "body">,
): boolean {
  return (
    (params?.Check(given.params) ?? true) &&
    (query?.Check(given.query) ?? true) &&
    (body?.Check(given.body) ?? true)
  );
}

/** The node does not have it, or has no media server that could. */
function isAbsent(outcome: Outcome): boolean {
  return isProblem(outcome) && (outcome.status === 404 || outcome.code === "no_media_server");
}

/** It may be at a node that is silent. */
function unanswered(silent: readonly string[]): HttpProblem {
  return {
    ...{ status: 503, code: "temporary", headers: { "Retry-After": "1" } },
    detail: `These nodes did not answer within a second: ${silent.join(", ")}. What is asked for may be there.`,
    more: { partial: silent },
  };
}

function shortened(answer: Answer, order: ListOrder<never>): Answer {
  let body = answer.body as Page<never>;
  while (body.items.length > 1 && longerThan(JSON.stringify(body), mostBytes)) body = firstHalf(body, order);
  return { ...answer, body };
}
