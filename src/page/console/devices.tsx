import { useSignal } from "@preact/signals";
import type { Console } from "./console.ts";
import { Answered, Filter, List, Name, Pager, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { manyText } from "./text.ts";

/** Who is signed in, and by what. */
export function Devices({ owner }: { owner: Console }) {
  const { query } = owner.place.value;
  const user = query.user || undefined;
  const cursor = useSignal<string | undefined>(undefined);
  const polled = usePolled(owner, `devices ${user} ${cursor.value}`, (api) =>
    api.listDevices({
      ...(user === undefined ? {} : { user }),
      ...(cursor.value === undefined ? {} : { cursor: cursor.value }),
    }),
  );
  return (
    <>
      <Title
        beside={
          <Filter
            label="User"
            value={user}
            set={(value) => {
              cursor.value = undefined;
              location.hash = placeHref("devices", undefined, { user: value });
            }}
          />
        }
      >
        Users and devices
      </Title>
      <Answered
        polled={polled}
        isEmpty={({ items }) => items.length === 0}
        empty={user === undefined ? "Nobody is signed in." : `${user} is not signed in.`}
      >
        {({ items, next, partial }) => (
          <>
            <Partial nodes={partial} />
            <List
              label="Devices"
              entries={items}
              keyOf={({ user, device }) => `${user}/${device}`}
              columns={[
                [
                  "User",
                  ({ user }) =>
                    owner.may("events:read") ? (
                      <a href={placeHref("follow", user)} title="Follow">
                        <Name of={user} />
                      </a>
                    ) : (
                      <Name of={user} />
                    ),
                  "wide",
                ],
                ["Device", ({ name, device }) => <Name of={name ?? device} most={24} />, "wide"],
                [
                  "State",
                  ({ online, status, guest }) => (
                    <>
                      <span class={online ? "dot on" : "dot"} aria-hidden="true" />{" "}
                      {online ? "online" : "link lost"}
                      {status !== undefined && (
                        <>
                          , <Name of={status} most={24} />
                        </>
                      )}
                      {guest && ", guest"}
                    </>
                  ),
                ],
                ["Kind", ({ kind }) => kind],
                ["Protocol", ({ protocol }) => protocol],
                ["Node", ({ node }) => <Name of={node} />],
                [
                  "Sessions",
                  ({ sessions, user }) =>
                    sessions === 0 ? (
                      "–"
                    ) : (
                      <a href={placeHref("sessions", undefined, { user })}>{manyText(sessions, "session")}</a>
                    ),
                ],
              ]}
              actions={({ user, device }) =>
                owner.may("devices:write") && (
                  <button
                    type="button"
                    class="button small"
                    onClick={() => {
                      owner.question.value = {
                        title: "Sign this device out?",
                        text: `${user}/${device} loses its link and its calls. It may sign in again with a new token.`,
                        yes: "Sign out",
                        run: () =>
                          void owner.act(`${user}/${device} is signed out.`, (api) =>
                            api.kickDevice({ user, device }),
                          ),
                      };
                    }}
                  >
                    Kick<span class="sr"> {`${user}/${device}`}</span>
                  </button>
                )
              }
            />
            {user !== undefined && owner.may("devices:write") && (
              <p>
                <button
                  type="button"
                  class="button small"
                  onClick={() => {
                    owner.question.value = {
                      title: `Sign ${user} out everywhere?`,
                      text: "All devices lose their links, calls and relays. Tokens made until now are refused.",
                      yes: "Sign out everywhere",
                      run: () =>
                        void owner.act(`${user} is signed out everywhere.`, (api) => api.kickUser({ user })),
                    };
                  }}
                >
                  Kick all devices
                </button>
              </p>
            )}
            <Pager next={next} cursor={cursor} />
          </>
        )}
      </Answered>
    </>
  );
}
