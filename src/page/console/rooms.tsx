import type { Operations } from "../../application/operations.ts";
import type { Console } from "./console.ts";
import { Answered, DeviceName, List, Name, Partial, Title } from "./list.tsx";
import { usePolled } from "./polled.ts";
import { manyText, momentText } from "./text.ts";

type Room = Operations["getRoom"]["output"];
/** Members that are shown of a room. */
const mostMembers = 100;

/** Rooms that somebody is in, with their lobbies. */
export function Rooms({ owner }: { owner: Console }) {
  const polled = usePolled(owner, "rooms", (api) => api.listRooms());
  return (
    <>
      <Title>Rooms</Title>
      <Answered polled={polled} isEmpty={({ items }) => items.length === 0} empty="Nobody is in a room.">
        {({ items, partial }) => (
          <>
            <Partial nodes={partial} />
            <div class="cards">
              {items.map((room) => (
                <RoomCard key={room.room} owner={owner} room={room} />
              ))}
            </div>
          </>
        )}
      </Answered>
    </>
  );
}

function RoomCard({ owner, room: { room, node, policy, members } }: { owner: Console; room: Room }) {
  const waiting = members.filter(({ state }) => state === "lobby").length;
  const now = Date.now();
  const rules = [
    manyText(members.length - waiting, "member"),
    waiting > 0 && `${waiting} in the lobby`,
    policy.lobby && "with a lobby",
    policy.size !== undefined && `at most ${policy.size}`,
    policy.opens !== undefined && `opens ${momentText(policy.opens, now)}`,
    policy.closes !== undefined && `closes ${momentText(policy.closes, now)}`,
    `node ${node}`,
  ].filter(Boolean);
  const may = owner.may("rooms:write");
  return (
    <section class="panel-card" aria-label={`Room ${room}`}>
      <div class="section-head">
        <h2>
          <Name of={room} />
        </h2>
        {may && (
          <button
            type="button"
            class="button small"
            onClick={() => {
              owner.question.value = {
                title: `Close the room ${room}?`,
                text: "Everybody is sent out.",
                yes: "Close it",
                run: () => void owner.act(`${room} is closed.`, (api) => api.closeRoom({ room })),
              };
            }}
          >
            Close<span class="sr"> {room}</span>
          </button>
        )}
      </div>
      <p class="muted">{rules.join(" · ")}</p>
      <List
        label={`Members of ${room}`}
        entries={members.slice(0, mostMembers)}
        keyOf={({ member }) => member}
        columns={[
          ["Member", ({ user, device }) => <DeviceName user={user} device={device} />, "wide"],
          [
            "State",
            ({ state, moderator }) =>
              `${state === "lobby" ? "in the lobby" : "in the room"}${moderator ? ", moderator" : ""}`,
          ],
        ]}
        actions={
          may &&
          (({ member, user, state }) => (
            <>
              {state === "lobby" && (
                <button
                  type="button"
                  class="button small"
                  onClick={() => void owner.act(`${user} is in.`, (api) => api.admitMember({ room, member }))}
                >
                  Admit<span class="sr"> {user}</span>
                </button>
              )}
              <button
                type="button"
                class="button small"
                onClick={() => void owner.act(`${user} is out.`, (api) => api.removeMember({ room, member }))}
              >
                {state === "lobby" ? "Refuse" : "Remove"}
                <span class="sr"> {user}</span>
              </button>
            </>
          ))
        }
      />
      {members.length > mostMembers && (
        <p class="muted small">and {manyText(members.length - mostMembers, "other")}</p>
      )}
    </section>
  );
}
