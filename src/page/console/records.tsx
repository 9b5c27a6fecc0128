import { useSignal } from "@preact/signals";
import type { Console } from "./console.ts";
import { Answered, Choice, Filter, List, Name, Pager, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { momentText, spanText } from "./text.ts";

/** Reasons that a search offers; an address may name any other. */
const reasons = [
  "hangup",
  "no_answer",
  "unreachable",
  "declined",
  "busy",
  "cancelled",
  "incompatible",
  "failed",
  "closed",
  "lost",
  "forbidden",
  "shutdown",
];
/** Times that a search offers, in hours. */
const times = [
  ["", "any time"],
  ["1", "last hour"],
  ["24", "last day"],
  ["168", "last week"],
] as const;

/** Sessions that are over: found by user, time, outcome and cause. */
export function RecordsPage({ owner }: { owner: Console }) {
  const { query } = owner.place.value;
  const { user, reason, cause, hours } = query;
  const cursor = useSignal<string | undefined>(undefined);
  const narrow = (more: Readonly<Record<string, string>>) => {
    cursor.value = undefined;
    location.hash = placeHref("records", undefined, { ...query, ...more });
  };
  const polled = usePolled(
    owner,
    `records ${user} ${reason} ${cause} ${hours} ${cursor.value}`,
    (api) =>
      api.listRecords({
        ...(user && { user }),
        ...(reason && { reason }),
        ...(cause && { cause }),
        ...(hours && { from: Date.now() - Number(hours) * 3_600_000 }),
        ...(cursor.value !== undefined && { cursor: cursor.value }),
        limit: 50,
      }),
    2_000,
  );
  const offered = reason && !reasons.includes(reason) ? [...reasons, reason] : reasons;
  return (
    <>
      <Title
        beside={
          <div class="filters">
            <Filter label="User" value={user} set={(value) => narrow({ user: value })} />
            <Choice label="When" value={hours} values={times} set={(value) => narrow({ hours: value })} />
            <Choice
              label="Outcome"
              value={reason}
              values={[["", "all"], ...offered.map((one) => [one, one.replaceAll("_", " ")] as const)]}
              set={(value) => narrow({ reason: value })}
            />
            <Filter label="Cause" value={cause} set={(value) => narrow({ cause: value })} />
          </div>
        }
      >
        Records
      </Title>
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty="No session was found. A session is here once it is over."
      >
        {({ items, next, partial }) => (
          <>
            <Partial nodes={partial} />
            <List
              label="Records"
              entries={items}
              keyOf={({ session }) => session}
              columns={[
                [
                  "Session",
                  ({ session, caller, callee }) => (
                    <a class="row-link" href={placeHref("sessions", session)}>
                      <Name of={caller.user} most={24} /> → <Name of={callee.user} most={24} />
                    </a>
                  ),
                  "wide",
                ],
                ["Began", ({ startedAt }) => momentText(startedAt, Date.now())],
                [
                  "Media",
                  ({ connectedAt, endedAt }) =>
                    connectedAt === undefined || endedAt === undefined
                      ? "–"
                      : spanText(endedAt - connectedAt),
                  "number",
                ],
                ["Outcome", ({ state, reason }) => (reason ?? state).replaceAll("_", " ")],
                [
                  "Cause",
                  ({ cause }) =>
                    cause === undefined ? (
                      "–"
                    ) : (
                      <span class={cause === "no_fault" ? "state active" : "state failed"}>
                        {cause.replaceAll("_", " ")}
                      </span>
                    ),
                ],
                ["Kind", ({ kind }) => kind],
              ]}
            />
            <Pager next={next} cursor={cursor} />
          </>
        )}
      </Answered>
    </>
  );
}
