import type { Console } from "./console.ts";
import { Answered, List, Name, Partial, Title } from "./list.tsx";
import { placeHref } from "./place.ts";
import { usePolled } from "./polled.ts";
import { countText } from "./text.ts";

/** The nodes of the cluster, and their drain. */
export function ServerPage({ owner }: { owner: Console }) {
  const polled = usePolled(owner, "nodes", (api) => api.listNodes());
  return (
    <>
      <Title>Nodes</Title>
      <Answered polled={polled} isEmpty={() => false} empty="">
        {({ items, partial }) => (
          <>
            <Partial nodes={partial} />
            <List
              label="Nodes"
              entries={items}
              keyOf={({ node }) => node}
              columns={[
                [
                  "Node",
                  ({ node }) => (
                    <a class="row-link" href={placeHref("overview", undefined, { node })}>
                      <Name of={node} />
                    </a>
                  ),
                  "wide",
                ],
                [
                  "State",
                  ({ draining }) => (
                    <span class={draining ? "state ringing" : "state active"}>
                      {draining ? "draining" : "serving"}
                    </span>
                  ),
                ],
                ["Version", ({ version }) => version],
                ["Links", ({ linksLive }) => countText(Number(linksLive)), "number"],
                ["Ringing", ({ sessionsRinging }) => countText(Number(sessionsRinging)), "number"],
                ["Active", ({ sessionsActive }) => countText(Number(sessionsActive)), "number"],
                ["Rooms", ({ rooms }) => countText(Number(rooms)), "number"],
              ]}
              actions={
                owner.may("server:write") &&
                (({ node, draining }) => (
                  <button
                    type="button"
                    class="button small"
                    disabled={draining}
                    onClick={() => {
                      owner.question.value = {
                        title: `Drain ${node}?`,
                        text: "It sends every device to another node, or away until it is started again, and its process ends. Calls go on: their media does not pass there.",
                        yes: "Drain",
                        run: () => void owner.act(`${node} drains.`, (api) => api.drainNode({ node })),
                      };
                    }}
                  >
                    Drain<span class="sr"> {node}</span>
                  </button>
                ))
              }
            />
          </>
        )}
      </Answered>
    </>
  );
}
