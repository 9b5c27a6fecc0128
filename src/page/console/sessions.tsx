import { useSignal } from "@preact/signals";
import type { Operations } from "../../application/operations.ts";
import type { Console } from "./console.ts";
import { Answered, Choice, Filter, List, Name, Pager, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { ageText } from "./text.ts";

export type LiveSession = Operations["getSession"]["output"];

const kinds = ["call", "mesh", "publish", "view"] as const;
const states = ["ringing", "answering", "active"] as const;

/** Sessions that live. */
export function Sessions({ owner }: { owner: Console }) {
  const { query } = owner.place.value;
  const cursor = useSignal<string | undefined>(undefined);
  const user = query.user || undefined;
  const kind = kinds.find((one) => one === query.kind);
  const state = states.find((one) => one === query.state);
  const narrow = (more: Readonly<Record<string, string>>) => {
    cursor.value = undefined;
    location.hash = placeHref("sessions", undefined, { ...query, ...more });
  };
  const polled = usePolled(owner, `sessions ${user} ${kind} ${state} ${cursor.value}`, (api) =>
    api.listSessions({
      ...(user !== undefined && { user }),
      ...(kind !== undefined && { kind }),
      ...(state !== undefined && { state }),
      ...(cursor.value !== undefined && { cursor: cursor.value }),
    }),
  );
  return (
    <>
      <Title
        beside={
          <div class="filters">
            <Filter label="User" value={user} set={(value) => narrow({ user: value })} />
            <Choice
              label="Kind"
              value={kind}
              values={[
                ["", "all"],
                ["call", "calls"],
                ["mesh", "in rooms"],
                ["publish", "publishers"],
                ["view", "viewers"],
              ]}
              set={(value) => narrow({ kind: value })}
            />
            <Choice
              label="State"
              value={state}
              values={[["", "all"], ...states.map((one) => [one, one] as const)]}
              set={(value) => narrow({ state: value })}
            />
          </div>
        }
      >
        Live sessions
      </Title>
      <Answered polled={polled} isEmpty={({ items }) => items.length === 0} empty="No session lives.">
        {({ items, next, partial }) => (
          <>
            <Partial nodes={partial} />
            <List
              label="Sessions"
              entries={items}
              keyOf={({ session }) => session}
              columns={[
                [
                  "Session",
                  ({ session, from, to }) => (
                    <a class="row-link" href={placeHref("sessions", session)}>
                      <Name of={from} most={24} /> → <Name of={to} most={24} />
                    </a>
                  ),
                  "wide",
                ],
                ["State", (session) => <StateMark session={session} />],
                ["Kind", ({ kind }) => kind],
                ["Age", ({ age }) => ageText(age), "number"],
                [
                  "Connected",
                  ({ connectedFor }) => (connectedFor === undefined ? "–" : ageText(connectedFor)),
                  "number",
                ],
                ["Media", (session) => mediaState(session)],
                ["Node", ({ node }) => <Name of={node} />],
              ]}
              actions={(session) => <EndButton owner={owner} session={session} />}
            />
            <Pager next={next} cursor={cursor} />
          </>
        )}
      </Answered>
    </>
  );
}

function StateMark({ session: { state, moving } }: { session: Pick<LiveSession, "state" | "moving"> }) {
  return (
    <span class={`state ${state}`}>
      {state}
      {moving && ", moving"}
    </span>
  );
}

/** What the devices said last of their media. */
function mediaState({ legs }: LiveSession): string {
  const said = [...new Set(legs.flatMap(({ state }) => (state === undefined ? [] : [state])))];
  return said.length === 0 ? "–" : said.join(", ");
}

/** Hangs up, after a question. */
export function EndButton({ owner, session }: { owner: Console; session: LiveSession }) {
  if (!owner.may("sessions:write")) return null;
  const { from, to } = session;
  return (
    <button
      type="button"
      class="button small"
      onClick={() => {
        owner.question.value = {
          title: "End this session?",
          text: `${from} → ${to}: both ends are told that the server ended it.`,
          yes: "End it",
          run: () =>
            void owner.act("The session is over.", (api) => api.endSession({ session: session.session })),
        };
      }}
    >
      End<span class="sr">{` ${from} → ${to}`}</span>
    </button>
  );
}
