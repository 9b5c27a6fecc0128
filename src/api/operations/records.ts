import { type TProperties, Type } from "typebox";
import type { HttpProblem } from "../../net/problem.ts";
import type { DiagnosedRecord, Records } from "../../records/records.ts";
import { cursorOf, readCursor } from "../../records/store.ts";
import type { ApiContext } from "../context.ts";
import { type Answer, answer, notFound, type Operation, operation } from "../operation.ts";
import { badCursor, pageOf, pageQuery } from "../pages.ts";
import { closed, DeviceId, SessionId, Time, UserId } from "./schemas.ts";

const open = { additionalProperties: true } as const;
const Party = Type.Object({ user: Type.String(), device: Type.Optional(Type.String()) });
const Count = (description: string) => Type.Integer({ minimum: 0, description });
const optionalTime = (description: string) => Type.Optional(Time(description));

const summary = {
  session: SessionId,
  node: Type.String({ description: "The node that owned it at the end." }),
  kind: Type.Enum(["call", "mesh", "publish", "view"]),
  state: Type.Enum(["ringing", "active", "ended", "refused"], {
    description: "`refused`: it never became a session.",
  }),
  caller: Party,
  callee: Party,
  room: Type.Optional(Type.String()),
  startedAt: Time("When it began."),
  acceptedAt: optionalTime("When somebody answered."),
  connectedAt: optionalTime("When media flowed first."),
  endedAt: optionalTime("When it ended."),
  reason: Type.Optional(Type.String({ description: "Why it ended: docs/protocol.md." })),
} satisfies TProperties;

const Summary = Type.Object({
  ...summary,
  cause: Type.Optional(
    Type.String({ description: "The first finding of its diagnosis: docs/diagnosis.md." }),
  ),
});

const Row = Type.Object(
  {
    at: Count("ms since the session began."),
    from: Type.String({ description: "`server`, `user/device`, `application`, `hook`, `push` or `turn`." }),
    to: Type.String(),
    type: Type.String({ description: "The message; at gateways in their words, such as `INVITE`." }),
    outcome: Type.Optional(Type.String({ description: "`ok` or an error code." })),
  },
  open,
);

const Finding = Type.Object({
  code: Type.String({ description: "Stable: docs/diagnosis.md lists them." }),
  certainty: Type.Enum(["certain", "likely", "unknown"]),
  text: Type.String(),
  advice: Type.String(),
  rows: Type.Array(Type.Integer(), { description: "Rows of the ladder that prove it." }),
});

const Recorded = Type.Object(
  {
    ...summary,
    placed: Type.Optional(
      Type.Enum(["from", "to"], { description: "Of a call that `connectParties` placed: who rang first." }),
    ),
    legs: Type.Array(Type.Object({ user: UserId, device: DeviceId }, open)),
    restarts: Count("Restarts of ICE."),
    ladder: Type.Array(Row),
    skippedRows: Count("Rows of the middle that were left out."),
    diagnosis: Type.Array(Finding),
  },
  open,
);

const AuditEntry = Type.Object({
  at: Time("When."),
  actor: Type.String({ description: "The id of the key." }),
  act: Type.String({ description: "The operation." }),
  subject: Type.String({ description: "The path below `/api/v1`." }),
  detail: Type.Optional(Type.String({ description: "The status of the answer." })),
});

const none: HttpProblem = {
  ...{ status: 409, code: "not_configured" },
  detail: "The setting records.enabled is false: this server keeps no records.",
};
const unreadable: HttpProblem = {
  ...{ status: 503, code: "temporary" },
  detail: "The store can't be read. The server's log says why.",
};
/** A record may lie at two nodes: it is shown once. */
const newestFirst = {
  kind: "list",
  descending: true,
  cursorOf,
  keyOf: ({ startedAt, session }: { readonly startedAt: number; readonly session: string }) =>
    `${String(startedAt).padStart(16, "0")}.${session}`,
} as const;
/** Whole records of a page: each may have 32 KB. */
const mostWhole = 100;

/** What became of sessions, and who did what by this API. */
export function recordOperations(context: ApiContext): Operation[] {
  const kept = async (
    use: (records: Records) => Promise<Answer | HttpProblem>,
  ): Promise<Answer | HttpProblem> => {
    const records = context.records();
    return records === undefined ? none : await use(records).catch(() => unreadable);
  };
  return [
    operation({
      ...{ id: "listRecords", method: "GET", path: "/records", tag: "Records", scope: "records:read" },
      ...{ summary: "Sessions that are over, the newest first", refuses: [409, 503] },
      query: Type.Object(
        {
          ...pageQuery,
          user: Type.Optional(UserId),
          from: optionalTime("Began at or after this."),
          to: optionalTime("Began before this."),
          reason: Type.Optional(Type.String({ maxLength: 64, description: "Why they ended." })),
          cause: Type.Optional(
            Type.String({ maxLength: 64, description: "The first finding of the diagnosis." }),
          ),
        },
        closed,
      ),
      answers: { 200: { description: "A page of records without their ladders.", schema: pageOf(Summary) } },
      over: newestFirst,
      perform: ({ query }) =>
        kept(async (records) => {
          if (!isCursor(query.cursor)) return badCursor;
          const found = await records.search(query);
          return answer(pageOfRecords(found.records, found));
        }),
    }),
    operation({
      ...{ id: "getRecord", method: "GET", path: "/records/{session}", tag: "Records" },
      ...{ scope: "records:read", refuses: [404, 409, 503] },
      summary: "A session with its ladder and its diagnosis, also while it lives",
      params: Type.Object({ session: SessionId }),
      answers: { 200: { description: "The record.", schema: Recorded } },
      over: { kind: "owner" },
      perform: ({ params }) =>
        kept(async (records) => {
          const found = await records.get(params.session);
          return found === undefined ? notFound("record") : answer(whole(found));
        }),
    }),
    operation({
      ...{ id: "exportRecords", method: "GET", path: "/users/{user}/records", tag: "Records" },
      ...{ scope: "records:read", refuses: [409, 503] },
      summary: "Everything that is kept of a user's sessions, the newest first",
      params: Type.Object({ user: UserId }),
      query: Type.Object(
        { ...pageQuery, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: mostWhole, default: 20 })) },
        closed,
      ),
      answers: { 200: { description: "A page of whole records.", schema: pageOf(Recorded) } },
      over: newestFirst,
      perform: ({ params: { user }, query }) =>
        kept(async (records) => {
          if (!isCursor(query.cursor)) return badCursor;
          const found = await records.search({ limit: 20, ...query, user });
          const ones = await Promise.all(found.records.map(({ session }) => records.get(session)));
          return answer(
            pageOfRecords(
              ones.flatMap((one) => (one === undefined ? [] : [whole(one)])),
              found,
            ),
          );
        }),
    }),
    operation({
      ...{ id: "eraseRecords", method: "DELETE", path: "/users/{user}/records", tag: "Records" },
      ...{ scope: "records:write", summary: "Removes every record that names a user", refuses: [409, 503] },
      params: Type.Object({ user: UserId }),
      answers: {
        200: {
          description: "Done.",
          schema: Type.Object({
            records: Count("Records that were removed."),
            partial: Type.Optional(
              Type.Array(Type.String(), { description: "Nodes that did not answer: ask again for theirs." }),
            ),
          }),
        },
      },
      over: {
        kind: "all",
        gather: (those: readonly { readonly records: number }[]) => ({
          records: those.reduce((sum, { records }) => sum + records, 0),
        }),
      },
      perform: ({ params: { user }, caller }) =>
        kept(async (records) => answer({ records: await records.erase(user, caller.key) })),
    }),
    operation({
      ...{ id: "listAudit", method: "GET", path: "/audit", tag: "Records", scope: "audit:read" },
      summary: "What was done by this API at this node, the newest first",
      refuses: [409, 503],
      query: Type.Object(
        { limit: pageQuery.limit, before: optionalTime("Only what was done before this.") },
        closed,
      ),
      answers: { 200: { description: "The acts.", schema: pageOf(AuditEntry) } },
      perform: ({ query: { limit = 100, before } }) =>
        kept(async (records) => {
          const query = { limit, ...(before === undefined ? {} : { before }) };
          return answer({ items: await records.audited(query) });
        }),
    }),
  ];
}

function whole({ record, diagnosis }: DiagnosedRecord): object {
  return { ...record, diagnosis };
}

function isCursor(text: string | undefined): boolean {
  return text === undefined || readCursor(text) !== undefined;
}

function pageOfRecords(items: readonly object[], { cursor }: { readonly cursor?: string }): object {
  return cursor === undefined ? { items } : { items, next: cursor };
}
